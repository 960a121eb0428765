// AVX2 with FMA: bytes are widened to 16 bits first, because `vpmaddubsw` on bytes saturates and would be wrong.
#include "kernels.hpp"

#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#include "lanes-avx2.hpp"
#include "rows.hpp"

namespace {

// 3 rows by 16 columns, two partial sums a column, are 12 accumulators of the 16 registers.
constexpr int kTileRows = 3;
constexpr int kAttentionStep = 16;

inline int rowsOfTile(int left) { return left < kTileRows ? left : kTileRows; }
inline void beginTiles() {}
inline void endTiles() {}

// Two registers of four columns with two partial sums each → eight columns.
inline __m256i added(__m256i low, __m256i high) {
  return _mm256_permute4x64_epi64(_mm256_hadd_epi32(low, high), 0b11011000);
}

template <int rows, typename Each>
inline void tileOf(const uint8_t* input, size_t stride, const int8_t* panel, int inputs, const int32_t* starts, Each&& each) {
  for (int column = 0; column < kPanelColumns; column += 16) {
    __m256i sum[rows][4];
    for (int row = 0; row < rows; row++)
      for (int i = 0; i < 4; i++) sum[row][i] = _mm256_setzero_si256();
    for (int input4 = 0; input4 < inputs; input4 += 4) {
      const int8_t* at = panel + (size_t)input4 * kPanelColumns + column * 4;
      __m256i x[rows];
      for (int row = 0; row < rows; row++) {
        int32_t four;
        __builtin_memcpy(&four, input + row * stride + input4, 4);
        x[row] = _mm256_cvtepu8_epi16(_mm_set1_epi32(four));
      }
#pragma GCC unroll 4
      for (int i = 0; i < 4; i++) {
        const __m256i weights = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i*)(at + i * 16)));
#pragma GCC unroll 3
        for (int row = 0; row < rows; row++) sum[row][i] = _mm256_add_epi32(sum[row][i], _mm256_madd_epi16(x[row], weights));
      }
    }
    const __m256i low = _mm256_loadu_si256((const __m256i*)(starts + column)), high = _mm256_loadu_si256((const __m256i*)(starts + column + 8));
    for (int row = 0; row < rows; row++) {
      each(row, column, Ints{_mm256_add_epi32(low, added(sum[row][0], sum[row][1])), _mm256_add_epi32(high, added(sum[row][2], sum[row][3]))});
    }
  }
}

template <typename Each>
inline void tile(const uint8_t* input, size_t stride, int rows, const int8_t* panel, int inputs, const int32_t* starts, Ahead, Each&& each) {
  switch (rows) {
    case 1: return tileOf<1>(input, stride, panel, inputs, starts, each);
    case 2: return tileOf<2>(input, stride, panel, inputs, starts, each);
    default: return tileOf<3>(input, stride, panel, inputs, starts, each);
  }
}

}  // namespace

#include "tile-in-registers.hpp"
#include "linear.hpp"
#include "attention.hpp"
#include "first-token.hpp"

const valence::Kernels* valence::avx2Kernels() {
  static const Kernels kernels = {"avx2", linear, attentionScratchBytes, attention, attendFirst, normalise, quantise, findLargest, quantiseSome, embed, dense};
  return &kernels;
}
#else
const valence::Kernels* valence::avx2Kernels() { return nullptr; }
#endif
