// Work on rows of floats, one after the other, on lanes of either width. Included by every instruction set.
#pragma once
#include <math.h>
#include <algorithm>
#include <type_traits>
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

inline float scaleFor(float largest) {
  const float scale = largest * (1.0f / 127.0f);
  return scale > kSmallestScale ? scale : kSmallestScale;
}
inline float scaleFor(Floats largest) { return scaleFor(largestOf(largest)); }

// Sums and largest values run in four registers side by side, since each addition takes four cycles. Their order is part of
// the result: every kernel has the same.
struct Four {
  Floats lanes[4] = {all(0), all(0), all(0), all(0)};
};

inline Floats added(const Four& a) { return (a.lanes[0] + a.lanes[1]) + (a.lanes[2] + a.lanes[3]); }

inline float sumOf(const Four& a) { return sumOf(added(a)); }

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
  // Each by itself: what a loop numbers is in memory.
  if (i < width) step(0, i, width - i);
  if (i + 16 < width) step(1, i + 16, width - i - 16);
  if (i + 32 < width) step(2, i + 32, width - i - 32);
  if (i + 48 < width) step(3, i + 48, width - i - 48);
}

inline float largestOfRow(const float* row, int width) {
  Four largest;
  byLanes(width, [&](int lane, int i, int left) { largest.lanes[lane] = max(largest.lanes[lane], magnitude(loadSome(row + i, left))); });
  return largestOf(largestOf(largest));
}

// Returns the scale.
inline float quantiseRow(const float* row, int width, float largest, uint8_t* quantised) {
  const float scale = scaleFor(largest);
  writeQuantised(row, width, scale, quantised);
  return scale;
}

void quantise(const float* input, int width, int stride, int rows, uint8_t* quantised, int quantisedStride, float* scales) {
  for (int row = 0; row < rows; row++) {
    const float* at = input + (size_t)row * stride;
    scales[row] = quantiseRow(at, width, largestOfRow(at, width), quantised + (size_t)row * quantisedStride);
  }
}

void findLargest(const float* input, int width, int stride, int rows, float* largest) {
  for (int row = 0; row < rows; row++) largest[row] = largestOfRow(input + (size_t)row * stride, width);
}

void quantiseSome(const float* input, int width, int stride, int rows, const float* largest, uint8_t* quantised, int quantisedStride, float* scales) {
  for (int row = 0; row < rows; row++) {
    scales[row] = quantiseRow(input + (size_t)row * stride, width, largest[row], quantised + (size_t)row * quantisedStride);
  }
}

// Rows of x ahead that are fetched meanwhile: they were last seen a layer ago.
constexpr int kNormRowsAhead = 2;

void normalise(float* x, const float* added, const Norm& norm, float epsilon, int width, int stride, int rows, uint8_t* quantised,
               int quantisedStride, float* scales) {
  for (int row = 0; row < rows; row++) {
    float* const at = x + (size_t)row * stride;
    Four sum;
    if (added) {
      const float* const more = added + (size_t)row * stride;
      byLanes(width, [&](int lane, int i, int left) {
        const Floats value = loadSome(at + i, left) + loadSome(more + i, left);
        storeSome(at + i, value, left);
        sum.lanes[lane] = sum.lanes[lane] + value;
      });
    } else {
      byLanes(width, [&](int lane, int i, int left) { sum.lanes[lane] = sum.lanes[lane] + loadSome(at + i, left); });
    }
    const Floats mean = all(sumOf(sum) / width);
    // The mean first, then the squares around it: subtracting two large numbers would lose digits.
    Four squares;
    byLanes(width, [&](int lane, int i, int left) {
      __builtin_prefetch(at + kNormRowsAhead * stride + i, 1);
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
    scales[row] = quantiseRow(at, width, largestOf(largestOf(largest)), quantised + (size_t)row * quantisedStride);
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

// Calls function(number) for 0 to count − 1, each a constant: GCC 12 leaves in memory what a loop numbers, unrolled or not.
template <int count, typename Function>
inline __attribute__((always_inline)) void forEach(Function&& function) {
  if constexpr (count > 0) {
    forEach<count - 1>(function);
    function(std::integral_constant<int, count - 1>());
  }
}

// Calls function(a constant) of `count`, from 1 to most.
template <int most, typename Function>
inline __attribute__((always_inline)) void withConstant(int count, Function&& function) {
  if constexpr (most > 1) {
    if (count < most) return withConstant<most - 1>(count, function);
  }
  function(std::integral_constant<int, most>());
}

// Weights ahead that are fetched meanwhile, 8 KB: by one text they are multiplied faster than they come from memory.
constexpr int kHalvesAhead = 4096;

// Products of `rows` rows with the kLaneColumns outputs of a matrix that lie together, of which `count` are there. Each output has a lane, and no sum goes over lanes.
template <int rows>
inline void dots(const float* input, int inputStride, const uint16_t* weights, int inputs, const float* bias, int count, float* output, int outputStride) {
  Four sums[rows];
  const auto step = [&](int lane, int i) __attribute__((always_inline)) {
    const Floats weight = fromHalves(weights + (size_t)kLaneColumns * i);
    forEach<rows>([&](auto row) __attribute__((always_inline)) {
      sums[row].lanes[lane] = fma(all(input[(size_t)row * inputStride + i]), weight, sums[row].lanes[lane]);
    });
  };
  int i = 0;
  for (; i + 4 <= inputs; i += 4) {
    __builtin_prefetch(weights + (size_t)kLaneColumns * i + kHalvesAhead);
    __builtin_prefetch(weights + (size_t)kLaneColumns * (i + 2) + kHalvesAhead);
    step(0, i);
    step(1, i + 1);
    step(2, i + 2);
    step(3, i + 3);
  }
  if (i < inputs) step(0, i);
  if (i + 1 < inputs) step(1, i + 1);
  if (i + 2 < inputs) step(2, i + 2);
  forEach<rows>([&](auto row) __attribute__((always_inline)) {
    storeSome(output + (size_t)row * outputStride, added(sums[row]) + loadSome(bias, count), count);
  });
}

// Outputs [first, end) of a product in floats, `first` a multiple of kLaneColumns. Each part of the matrix goes by all rows of the input, as it is the
// larger of the two.
void dense(const FloatLinear& linear, const float* input, int inputStride, int rows, int first, int end, float* output, int outputStride) {
  constexpr int kTogether = 4;
  for (int i = first; i < end; i += kLaneColumns) {
    for (int row = 0; row < rows; row += kTogether) {
      withConstant<kTogether>(std::min(kTogether, rows - row), [&](auto count) {
        dots<count>(input + (size_t)row * inputStride, inputStride, linear.weights + (size_t)i * linear.inputs, linear.inputs, linear.bias + i, end - i,
                    output + (size_t)row * outputStride + i, outputStride);
      });
    }
  }
}

}  // namespace
