// A product with a matrix, and what becomes of its rows. Included by every instruction set after its tile:
//
//   kTileRows                       the most rows of a tile
//   rowsOfTile(rows left)           how many of them the next tile takes
//   tile(input, stride, rows, panel, inputs, next, sums)
//                                   sums[rows][32] = input[rows][inputs] · panel[inputs / 4][32][4], exactly;
//                                   `next`, where it is not null, is a panel to fetch ahead
#pragma once

namespace {

template <Then then>
inline void writeRow(const LinearCall& call, int row, int column, const int32_t* sums) {
  const Linear& linear = *call.linear;
  const Floats inputScale = all(call.inputScales[row]);
  float* output = call.output + (size_t)row * call.outputStride + column;
#pragma GCC unroll 2
  for (int i = 0; i < kPanelColumns; i += 16) {
    const Floats exact = toFloats(load(sums + i) - load(linear.offsets + column + i));
    Floats value = fma(exact * inputScale, load(linear.scales + column + i), load(linear.bias + column + i));
    if (then == Then::gelu) value = gelu(value);
    if (then == Then::addResidual) value = value + load(call.residual + (size_t)row * call.outputStride + column + i);
    store(output + i, value);
  }
}

template <Then then>
void linearThen(const LinearCall& call, int firstPanel, int endPanel) {
  const int inputs = call.linear->inputs;
  const size_t panelBytes = (size_t)inputs * kPanelColumns;
  alignas(64) int32_t sums[kTileRows * kPanelColumns];
  beginTiles();
  for (int panel = firstPanel; panel < endPanel; panel++) {
    const int8_t* weights = call.linear->panels + panel * panelBytes;
    for (int row = 0; row < call.rows;) {
      const int rows = rowsOfTile(call.rows - row);
      // The last tile of a panel fetches the next panel, which the one after it starts with.
      const bool last = row + rows == call.rows && panel + 1 < endPanel;
      tile(call.input + (size_t)row * inputs, inputs, rows, weights, inputs, last ? weights + panelBytes : nullptr, sums);
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
    case Then::addResidual: return linearThen<Then::addResidual>(call, firstPanel, endPanel);
  }
}

}  // namespace
