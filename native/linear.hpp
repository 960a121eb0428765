// A product with a matrix, and what becomes of its rows. Included by every instruction set after its tile:
//
//   kTileRows                       the most rows of a tile
//   rowsOfTile(rows left)           how many of them the next tile takes
//   tile(input, stride, rows, panel, inputs, starts, ahead, each)
//                                   sums[rows][32] = starts[32] + input[rows][inputs] · panel[inputs / 4][32][4], exactly;
//                                   calls each(row, column, 16 of its sums), so that they need not go through memory;
//                                   `ahead` says what of the next panel to fetch meanwhile
//   storeTile(…, sums)              the same, but writes them to [rows][32]
#pragma once

namespace {

// Which part of the next panel a tile fetches. A panel comes from memory as slowly as a tile or two take, so it is spread over
// the last tiles before it is needed: eight, four, two or the only one. All of it in the last of two tiles is 2.5% slower for sentences that come alone.
inline Ahead aheadOf(const int8_t* next, size_t panelBytes, int tilesLeft, int tiles) {
  const int spread = tiles >= 8 ? 8 : tiles >= 4 ? 4 : tiles >= 2 ? 2 : 1;
  if (next == nullptr || tilesLeft > spread) return {nullptr, 0};
  const int lines = 8 / spread;
  return {next + panelBytes / 8 * (size_t)(lines * (spread - tilesLeft)), lines};
}

// Where a tile's sums will go: rows lie kilobytes apart, so each would be waited for by itself.
inline void expectRows(const LinearCall& call, int row, int rows, int column) {
  for (int i = row; i < row + rows; i++) {
    const size_t at = (size_t)i * call.outputStride + column;
    for (int line = 0; line < kPanelColumns; line += 16) __builtin_prefetch(call.output + at + line, 1);
  }
}

template <Then then>
void linearThen(const LinearCall& call, int firstPanel, int endPanel) {
  const int inputs = call.linear->inputs;
  const size_t panelBytes = (size_t)inputs * kPanelColumns;
  const int tiles = (call.rows + kTileRows - 1) / kTileRows;
  beginTiles();
  for (int panel = firstPanel; panel < endPanel; panel++) {
    const int column = panel * kPanelColumns;
    const float *const scales = call.linear->scales + column, *const biases = call.linear->bias + column;
    const int8_t* weights = call.linear->panels + panel * panelBytes;
    const int8_t* next = panel + 1 < endPanel ? weights + panelBytes : call.after;
    for (int row = 0, done = 0; row < call.rows; done++) {
      const int rows = rowsOfTile(call.rows - row);
      const float* const inputScales = call.inputScales + row;
      float* const output = call.output + (size_t)row * call.outputStride + column;
      expectRows(call, row, rows, column);
      tile(call.input + (size_t)row * inputs, inputs, rows, weights, inputs, call.linear->starts + column,
           aheadOf(next, panelBytes, tiles - done, tiles), [&](int i, int k, Ints sums) __attribute__((always_inline)) {
             float* const to = output + (size_t)i * call.outputStride + k;
             Floats value = fma(toFloats(sums) * all(inputScales[i]), load(scales + k), load(biases + k));
             if (then == Then::gelu) value = gelu(value);
             store(to, value);
           });
      row += rows;
    }
  }
  endTiles();
}

void linear(const LinearCall& call, int firstPanel, int endPanel) {
  switch (call.then) {
    case Then::store: return linearThen<Then::store>(call, firstPanel, endPanel);
    case Then::gelu: return linearThen<Then::gelu>(call, firstPanel, endPanel);
  }
}

}  // namespace
