// AVX-VNNI: `vpdpbusd` on 8 lanes, as client processors without AVX-512 have it.
#include "kernels.hpp"

#if defined(__AVXVNNI__) && defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#include "lanes-avx2.hpp"
#include "rows.hpp"

namespace {

// 3 rows by 32 columns are 12 accumulators of the 16 registers.
constexpr int kTileRows = 3;
constexpr int kAttentionStep = 16;

inline int rowsOfTile(int left) { return left < kTileRows ? left : kTileRows; }
inline void beginTiles() {}
inline void endTiles() {}

template <int rows>
inline void tileOf(const uint8_t* input, size_t stride, const int8_t* panel, int inputs, const int32_t* starts, int32_t* sums) {
  __m256i sum[rows][4];
  for (int row = 0; row < rows; row++)
    for (int i = 0; i < 4; i++) sum[row][i] = _mm256_loadu_si256((const __m256i*)(starts + i * 8));
  for (int input4 = 0; input4 < inputs; input4 += 4) {
    const int8_t* at = panel + (size_t)input4 * kPanelColumns;
    __m256i x[rows];
    for (int row = 0; row < rows; row++) {
      int32_t four;
      __builtin_memcpy(&four, input + row * stride + input4, 4);
      x[row] = _mm256_set1_epi32(four);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
      const __m256i weights = _mm256_loadu_si256((const __m256i*)(at + i * 32));
#pragma GCC unroll 3
      for (int row = 0; row < rows; row++) sum[row][i] = _mm256_dpbusd_avx_epi32(sum[row][i], x[row], weights);
    }
  }
  for (int row = 0; row < rows; row++)
    for (int i = 0; i < 4; i++) _mm256_store_si256((__m256i*)(sums + row * kPanelColumns + i * 8), sum[row][i]);
}

void storeTile(const uint8_t* input, size_t stride, int rows, const int8_t* panel, int inputs, const int32_t* starts, Ahead, int32_t* sums) {
  switch (rows) {
    case 1: return tileOf<1>(input, stride, panel, inputs, starts, sums);
    case 2: return tileOf<2>(input, stride, panel, inputs, starts, sums);
    default: return tileOf<3>(input, stride, panel, inputs, starts, sums);
  }
}

}  // namespace

#include "tile-through-memory.hpp"
#include "linear.hpp"
#include "attention.hpp"
#include "first-token.hpp"

const valence::Kernels* valence::avxVnniKernels() {
  static const Kernels kernels = {"avx-vnni", linear, attentionScratchBytes, attention, attendFirst, normalise, quantise, findLargest, quantiseSome, embed, dense};
  return &kernels;
}
#else
const valence::Kernels* valence::avxVnniKernels() { return nullptr; }
#endif
