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
  int i = 0;
  for (; i + 16 <= width; i += 16) storeBytes(quantised + i, toInts(load(row + i) * inverse) + zero);
  if (i < width) storeBytes(quantised + i, toInts(loadSome(row + i, width - i) * inverse) + zero);
}

inline float scaleFor(Floats largest) {
  const float scale = largestOf(largest) * (1.0f / 127.0f);
  return scale > kSmallestScale ? scale : kSmallestScale;
}

void quantise(const float* input, int width, int stride, int rows, uint8_t* quantised, int quantisedStride, float* scales) {
  for (int row = 0; row < rows; row++) {
    const float* at = input + (size_t)row * stride;
    Floats largest = all(0);
    for (int i = 0; i < width; i += 16) largest = max(largest, magnitude(loadSome(at + i, width - i)));
    scales[row] = scaleFor(largest);
    writeQuantised(at, width, scales[row], quantised + (size_t)row * quantisedStride);
  }
}

void normalise(const float* input, const Norm& norm, float epsilon, int width, int stride, int rows, float* output,
               uint8_t* quantised, int quantisedStride, float* scales) {
  for (int row = 0; row < rows; row++) {
    const float* from = input + (size_t)row * stride;
    float* to = output + (size_t)row * stride;
    Floats sum = all(0);
    for (int i = 0; i < width; i += 16) sum = sum + loadSome(from + i, width - i);
    const float mean = sumOf(sum) / width;
    // The mean first, then the squares around it: subtracting two large numbers would lose digits.
    Floats squares = all(0);
    for (int i = 0; i < width; i += 16) {
      const Floats centred = keepFirst(loadSome(from + i, width - i) - all(mean), width - i, all(0));
      squares = fma(centred, centred, squares);
    }
    const float factor = 1.0f / sqrtf(sumOf(squares) / width + epsilon);
    Floats largest = all(0);
    for (int i = 0; i < width; i += 16) {
      const int left = width - i;
      const Floats centred = (loadSome(from + i, left) - all(mean)) * all(factor);
      const Floats value = fma(centred, loadSome(norm.weight + i, left), loadSome(norm.bias + i, left));
      largest = max(largest, magnitude(keepFirst(value, left, all(0))));
      storeSome(to + i, value, left);
    }
    scales[row] = scaleFor(largest);
    writeQuantised(to, width, scales[row], quantised + (size_t)row * quantisedStride);
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

float dot(const float* a, const float* b, int count) {
  Floats sum = all(0);
  for (int i = 0; i < count; i += 16) sum = fma(loadSome(a + i, count - i), loadSome(b + i, count - i), sum);
  return sumOf(sum);
}

}  // namespace
