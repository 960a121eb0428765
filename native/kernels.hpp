// What a pass is made of. Each instruction set implements these functions in a translation unit of its own, compiled
// with its own flags; `instruction-set.cpp` picks one at run time. All sets give the same bits: products of integers are
// exact, and float steps are the same operations on 16 lanes in the same order, whether a register holds 16 or 8.
#pragma once
#include "network.hpp"

namespace valence {

// What a tile fetches into the second-level cache while it multiplies: so many cache lines, from `at` on, for each 16 inputs;
// 8 lines are a whole panel in the time of one tile.
struct Ahead {
  const int8_t* at = nullptr;
  int lines = 0;  // 0, 1, 2, 4 or 8
};

// What becomes of a product's rows.
enum class Then { store, gelu };

struct LinearCall {
  const Linear* linear;
  const uint8_t* input;    // [rows + kSpareRows, linear->inputs]
  const float* inputScales;  // [rows]
  int rows;
  float* output;           // [rows, outputStride]
  int outputStride;
  Then then;
  const int8_t* after = nullptr;  // the panel that is read next, to be fetched ahead
};

struct AttentionCall {
  // Rows of one text, of one head. Behind `width`, up to whole panels, they are 0.
  const float* queries;  // [tokens, stride]
  const float* keys;     // [tokens, stride]
  const float* values;   // [tokens, stride]
  int tokens, width;
  int stride;
  float* output;  // [tokens, outputStride], at the head's first column
  int outputStride;
};

// Heads whose products with a row go together, so that it is read once for them.
constexpr int kHeadsTogether = 4;

struct FirstTokenCall {
  const float* rows;  // [tokens, stride], of one text
  int tokens, width, stride;
  int heads;         // at most kHeadsTogether
  float* queries;    // [heads, headStride], what rows are multiplied with for their scores as powers of 2; becomes the mean of the rows, weighted by these
  size_t headStride;
  float* scores;     // [heads, tokens in whole lanes]: scratch memory
};

// Memory that one thread needs while it attends; see attentionScratchBytes.
struct Kernels {
  const char* name;
  // Rows by panels [firstPanel, endPanel).
  void (*linear)(const LinearCall& call, int firstPanel, int endPanel);
  size_t (*attentionScratchBytes)(int tokens, int width);
  void (*attention)(const AttentionCall& call, void* scratch);
  void (*attendFirst)(const FirstTokenCall& call);
  // x = LayerNorm(x + added), and x quantised; `added` may be null, and lies as x does. `width` may be any number, strides are multiples of 16.
  void (*normalise)(float* x, const float* added, const Norm& norm, float epsilon, int width, int stride, int rows, uint8_t* quantised,
                    int quantisedStride, float* scales);
  void (*quantise)(const float* input, int width, int stride, int rows, uint8_t* quantised, int quantisedStride,
                   float* scales);
  // The same in two, for some columns of whole rows: their largest magnitudes, and then, with those of the whole rows, their numbers.
  void (*findLargest)(const float* input, int width, int stride, int rows, float* largest);
  void (*quantiseSome)(const float* input, int width, int stride, int rows, const float* largest, uint8_t* quantised, int quantisedStride, float* scales);
  // output[d] = word · scale + position (+ type), d < hidden
  void (*embed)(const Network& network, int32_t word, int position, int32_t type, float* output);
  // output[row, i] = Σ input[row, k] · weight of i and k + bias[i], first ≤ i < end; first is a multiple of kLaneColumns
  void (*dense)(const FloatLinear& linear, const float* input, int stride, int rows, int first, int end, float* output, int outputStride);
};

// Each is null where this machine's compiler or processor family has no such set.
const Kernels* amxKernels();
const Kernels* avx512VnniKernels();
const Kernels* avxVnniKernels();
const Kernels* avx2Kernels();

}  // namespace valence
