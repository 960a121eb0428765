// A product with a matrix, and what becomes of its rows. Included by every instruction set after its tile:
//
//   kTileRows                       the most rows of a tile
//   rowsOfTile(rows left)           how many of them the next tile takes
//   tile(input, stride, rows, panel, inputs, starts, ahead, sums)
//                                   sums[rows][32] = starts[32] + input[rows][inputs] · panel[inputs / 4][32][4], exactly;
//                                   `ahead` says what of the next panel to fetch meanwhile
#pragma once

namespace {

template <Then then>
inline void writeRow(const LinearCall& call, int row, int column, const int32_t* sums) {
  const Linear& linear = *call.linear;
  const Floats inputScale = all(call.inputScales[row]);
  float* output = call.output + (size_t)row * call.outputStride + column;
#pragma GCC unroll 2
  for (int i = 0; i < kPanelColumns; i += 16) {
    Floats value = fma(toFloats(load(sums + i)) * inputScale, load(linear.scales + column + i), load(linear.bias + column + i));
    if (then == Then::gelu) value = gelu(value);
    if (then == Then::add) value = value + load(output + i);
    store(output + i, value);
  }
}

// Which part of the next panel a tile fetches. A panel comes from memory as slowly as a tile or two take, so it is spread over
// the last eight tiles before it is needed, or over as many as there are.
inline Ahead aheadOf(const int8_t* next, size_t panelBytes, int tilesLeft, int tiles) {
  const int spread = tiles >= 8 ? 8 : tiles >= 3 ? 3 : 1;
  if (next == nullptr || tilesLeft > spread) return {nullptr, 0};
  const int lines = (8 + spread - 1) / spread;
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
  alignas(64) int32_t sums[kTileRows * kPanelColumns];
  beginTiles();
  for (int panel = firstPanel; panel < endPanel; panel++) {
    const int8_t* weights = call.linear->panels + panel * panelBytes;
    const int8_t* next = panel + 1 < endPanel ? weights + panelBytes : call.after;
    for (int row = 0, done = 0; row < call.rows; done++) {
      const int rows = rowsOfTile(call.rows - row);
      expectRows(call, row, rows, panel * kPanelColumns);
      tile(call.input + (size_t)row * inputs, inputs, rows, weights, inputs, call.linear->starts + panel * kPanelColumns,
           aheadOf(next, panelBytes, tiles - done, tiles), sums);
      for (int i = 0; i < rows; i++) writeRow<then>(call, row + i, panel * kPanelColumns, sums + i * kPanelColumns);
      row += rows;
    }
  }
  endTiles();
}

void linear(const LinearCall& call, int firstPanel, int endPanel) {
  switch (call.then) {
    case Then::store: return linearThen<Then::store>(call, firstPanel, endPanel);
    case Then::gelu: return linearThen<Then::gelu>(call, firstPanel, endPanel);
    case Then::add: return linearThen<Then::add>(call, firstPanel, endPanel);
  }
}

}  // namespace
