// For instruction sets whose sums leave the registers anyway (AMX), or which have too few for their tile to be one with what takes its
// sums (AVX-VNNI, a quarter slower): tile() in terms of storeTile(). Included after it.
#pragma once

namespace {

template <typename Each>
inline void tile(const uint8_t* input, size_t stride, int rows, const int8_t* panel, int inputs, const int32_t* starts, Ahead ahead, Each&& each) {
  alignas(64) int32_t sums[kTileRows * kPanelColumns];
  storeTile(input, stride, rows, panel, inputs, starts, ahead, sums);
  for (int row = 0; row < rows; row++)
    for (int column = 0; column < kPanelColumns; column += 16) each(row, column, load(sums + row * kPanelColumns + column));
}

}  // namespace
