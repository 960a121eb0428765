// Work on rows of floats, one after the other, on lanes of either width. Included by every instruction set.
#pragma once
#include <math.h>
#include "kernels.hpp"

namespace {

using namespace valence;

// A row of zeros has no largest value to divide by.
constexpr float kSmallestScale = 1e-30f;

inline void writeQuantised(const float* row, int width, float scale, uint8_t* quantised) {
  const Floats inverse = all(1.0f / scale);
  const Ints zero = allInts(kZeroPoint);
  const auto whole = [&](int i) { return toInts(load(row + i) * inverse); };
  int i = 0;
  for (; i + 64 <= width; i += 64) storeBytes(quantised + i, whole(i), whole(i + 16), whole(i + 32), whole(i + 48), kZeroPoint);
  for (; i + 16 <= width; i += 16) storeBytes(quantised + i, whole(i) + zero);
  if (i < width) storeBytes(quantised + i, toInts(loadSome(row + i, width - i) * inverse) + zero);
}

inline float scaleFor(Floats largest) {
  const float scale = largestOf(largest) * (1.0f / 127.0f);
  return scale > kSmallestScale ? scale : kSmallestScale;
}

// Sums and largest values run in four registers side by side, since each addition takes four cycles. Their order is part of
// the result: every kernel has the same.
struct Four {
  Floats lanes[4] = {all(0), all(0), all(0), all(0)};
};

inline float sumOf(const Four& a) { return sumOf((a.lanes[0] + a.lanes[1]) + (a.lanes[2] + a.lanes[3])); }

inline Floats largestOf(const Four& a) { return max(max(a.lanes[0], a.lanes[1]), max(a.lanes[2], a.lanes[3])); }

// Calls step(register, first column, columns left) for every 16 columns of a row. Inlined, with whole registers first: for them
// the compiler drops the masks.
template <typename Step>
inline __attribute__((always_inline)) void byLanes(int width, Step&& step) {
  int i = 0;
  for (; i + 64 <= width; i += 64) {
    step(0, i, 16);
    step(1, i + 16, 16);
    step(2, i + 32, 16);
    step(3, i + 48, 16);
  }
  for (int lane = 0; i < width; i += 16, lane++) step(lane, i, width - i);
}

void quantise(const float* input, int width, int stride, int rows, uint8_t* quantised, int quantisedStride, float* scales) {
  for (int row = 0; row < rows; row++) {
    const float* at = input + (size_t)row * stride;
    Four largest;
    byLanes(width, [&](int lane, int i, int left) { largest.lanes[lane] = max(largest.lanes[lane], magnitude(loadSome(at + i, left))); });
    scales[row] = scaleFor(largestOf(largest));
    writeQuantised(at, width, scales[row], quantised + (size_t)row * quantisedStride);
  }
}

void normalise(float* x, const Norm& norm, float epsilon, int width, int stride, int rows, uint8_t* quantised,
               int quantisedStride, float* scales) {
  for (int row = 0; row < rows; row++) {
    float* const at = x + (size_t)row * stride;
    Four sum;
    byLanes(width, [&](int lane, int i, int left) { sum.lanes[lane] = sum.lanes[lane] + loadSome(at + i, left); });
    const Floats mean = all(sumOf(sum) / width);
    // The mean first, then the squares around it: subtracting two large numbers would lose digits.
    Four squares;
    byLanes(width, [&](int lane, int i, int left) {
      const Floats centred = keepFirst(loadSome(at + i, left) - mean, left, all(0));
      squares.lanes[lane] = fma(centred, centred, squares.lanes[lane]);
    });
    const Floats factor = all(1.0f / sqrtf(sumOf(squares) / width + epsilon));
    Four largest;
    byLanes(width, [&](int lane, int i, int left) {
      const Floats centred = (loadSome(at + i, left) - mean) * factor;
      const Floats value = fma(centred, loadSome(norm.weight + i, left), loadSome(norm.bias + i, left));
      largest.lanes[lane] = max(largest.lanes[lane], magnitude(keepFirst(value, left, all(0))));
      storeSome(at + i, value, left);
    });
    scales[row] = scaleFor(largestOf(largest));
    writeQuantised(at, width, scales[row], quantised + (size_t)row * quantisedStride);
  }
}

void embed(const Network& network, int32_t word, int position, int32_t type, float* output) {
  const int width = network.hidden;
  const int8_t* words = network.words + (size_t)word * width;
  const Floats scale = all(network.wordScales[word]);
  const float* places = network.positions + (size_t)position * width;
  const float* types = network.types ? network.types + (size_t)type * width : nullptr;
  for (int i = 0; i < width; i += 16) {
    const int left = width - i;
    int8_t tail[16] = {};
    const int8_t* at = words + i;
    if (left < 16) {
      for (int k = 0; k < left; k++) tail[k] = at[k];
      at = tail;
    }
    Floats sum = fma(fromBytes(at), scale, loadSome(places + i, left));
    if (types) sum = sum + loadSome(types + i, left);
    storeSome(output + i, sum, left);
  }
}

// Rows of a matrix ahead that are fetched meanwhile: a row of 768 floats by one text takes a tenth of the time that memory does.
constexpr int kRowsAhead = 8;

// Products of `rows` rows with one row of a matrix.
template <int rows>
inline void dots(const float* input, int stride, const float* weights, float bias, int count, float* output, int outputStride) {
  Four sums[rows];
  byLanes(count, [&](int lane, int i, int left) {
    const Floats weight = loadSome(weights + i, left);
    __builtin_prefetch(weights + (size_t)kRowsAhead * count + i);
#pragma GCC unroll 4
    for (int row = 0; row < rows; row++) {
      sums[row].lanes[lane] = fma(loadSome(input + (size_t)row * stride + i, left), weight, sums[row].lanes[lane]);
    }
  });
#pragma GCC unroll 4
  for (int row = 0; row < rows; row++) output[(size_t)row * outputStride] = sumOf(sums[row]) + bias;
}

// Outputs [first, end) of a product in floats. Each row of the matrix goes by all rows of the input, as it is the larger of the two.
void dense(const FloatLinear& linear, const float* input, int stride, int rows, int first, int end, float* output, int outputStride) {
  constexpr int kTogether = 4;
  for (int i = first; i < end; i++) {
    const float* weights = linear.weights + (size_t)i * linear.inputs;
    int row = 0;
    for (; row + kTogether <= rows; row += kTogether) {
      dots<kTogether>(input + (size_t)row * stride, stride, weights, linear.bias[i], linear.inputs, output + (size_t)row * outputStride + i, outputStride);
    }
    for (; row < rows; row++) {
      dots<1>(input + (size_t)row * stride, stride, weights, linear.bias[i], linear.inputs, output + (size_t)row * outputStride + i, outputStride);
    }
  }
}

}  // namespace
