// AMX: `tdpbusd` multiplies 16 rows of 64 u8 by 64 × 16 s8 and adds to 16 × 16 sums of 32 bits.
#include "kernels.hpp"

#if defined(__AMX_INT8__) && defined(__AVX512DQ__) && defined(__AVX512BW__)
#include "lanes-avx512.hpp"
#include "rows.hpp"

namespace {

// Two by two tiles of sums, two of inputs and two of weights are the 8 there are; each that is loaded is used twice.
constexpr int kTileRows = 32;
constexpr int kAttentionStep = 64;

inline int rowsOfTile(int left) { return left < kTileRows ? left : kTileRows; }

struct __attribute__((packed)) TileShapes {
  uint8_t palette = 1, startRow = 0, reserved[14] = {};
  uint16_t bytesPerRow[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

inline void beginTiles() {
  const TileShapes shapes;
  _tile_loadconfig(&shapes);
}
inline void endTiles() { _tile_release(); }

constexpr int kWeightStride = kPanelColumns * 4;        // bytes from four inputs of all columns to the next four
constexpr int kStepBytes = 16 * kWeightStride;          // a tile of weights: 64 inputs
constexpr int kSumStride = kPanelColumns * sizeof(int32_t);

// A step is 64 inputs.
inline void fetch(Ahead& ahead) {
  for (int line = 0; line < 4 * ahead.lines; line++, ahead.at += 64) _mm_prefetch((const char*)ahead.at, _MM_HINT_T1);
}

// A stride of 0 gives all rows of a tile the same start.
constexpr size_t kSameRow = 0;

// Up to 16 rows.
inline void tile16(const uint8_t* input, size_t stride, const int8_t* panel, int inputs, const int32_t* starts, Ahead ahead, int32_t* sums) {
  _tile_loadd(0, starts, kSameRow);
  _tile_loadd(1, starts + 16, kSameRow);
  for (int i = 0; i < inputs; i += 64, panel += kStepBytes) {
    _tile_loadd(4, input + i, stride);
    _tile_loadd(6, panel, kWeightStride);
    _tile_dpbusd(0, 4, 6);
    _tile_loadd(7, panel + 64, kWeightStride);
    _tile_dpbusd(1, 4, 7);
    fetch(ahead);
  }
  _tile_stored(0, sums, kSumStride);
  _tile_stored(1, sums + 16, kSumStride);
}

inline void tile32(const uint8_t* input, size_t stride, const int8_t* panel, int inputs, const int32_t* starts, Ahead ahead, int32_t* sums) {
  _tile_loadd(0, starts, kSameRow);
  _tile_loadd(1, starts + 16, kSameRow);
  _tile_loadd(2, starts, kSameRow);
  _tile_loadd(3, starts + 16, kSameRow);
  for (int i = 0; i < inputs; i += 64, panel += kStepBytes) {
    _tile_loadd(4, input + i, stride);
    _tile_loadd(6, panel, kWeightStride);
    _tile_dpbusd(0, 4, 6);
    _tile_loadd(7, panel + 64, kWeightStride);
    _tile_dpbusd(1, 4, 7);
    _tile_loadd(5, input + 16 * stride + i, stride);
    _tile_dpbusd(2, 5, 6);
    _tile_dpbusd(3, 5, 7);
    fetch(ahead);
  }
  _tile_stored(0, sums, kSumStride);
  _tile_stored(1, sums + 16, kSumStride);
  _tile_stored(2, sums + 16 * kPanelColumns, kSumStride);
  _tile_stored(3, sums + 16 * kPanelColumns + 16, kSumStride);
}

// Rows past `rows` are read and multiplied as well; nobody looks at their sums.
void storeTile(const uint8_t* input, size_t stride, int rows, const int8_t* panel, int inputs, const int32_t* starts, Ahead ahead, int32_t* sums) {
  if (rows <= 16) return tile16(input, stride, panel, inputs, starts, ahead, sums);
  tile32(input, stride, panel, inputs, starts, ahead, sums);
}

}  // namespace

#include "tile-through-memory.hpp"
#include "linear.hpp"
#include "attention.hpp"
#include "first-token.hpp"

const valence::Kernels* valence::amxKernels() {
  static const Kernels kernels = {"amx", linear, attentionScratchBytes, attention, attendFirst, normalise, quantise, findLargest, quantiseSome, embed, dense};
  return &kernels;
}
#else
const valence::Kernels* valence::amxKernels() { return nullptr; }
#endif
