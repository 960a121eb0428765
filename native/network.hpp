// The engine's form of a model as the kernels read it. Everything here is plain memory: it is shared by all instruction
// sets, so it may hold nothing whose layout or code depends on compiler flags.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace valence {

// A panel is 32 output columns of a matrix: one tile of every kernel is some rows by one panel. A panel over 768 inputs is
// 24 KB, so it stays in a core's first-level cache while all rows go by.
constexpr int kPanelColumns = 32;
// Outputs of a matrix of floats that lie together: a register of lanes.
constexpr int kLaneColumns = 16;
// Inputs are padded to whole AMX tile rows (64 bytes); the padding's weights are 0, so what stands there does not count.
constexpr int kInputStep = 64;
// Activations are u8 with this zero point: q = round(x / scale) + 128, scale = largest |x| / 127.
constexpr int kZeroPoint = 128;
// Rows are read in whole tiles; this many rows past the last one must be readable.
constexpr int kSpareRows = 32;

// Wider heads than any model's are refused, so that a head's row fits on the stack.
constexpr int kLongestHead = 512;

// A softmax takes powers of 2.
constexpr float kLog2OfE = 1.44269504f;

constexpr int roundUp(int value, int step) { return (value + step - 1) / step * step; }

// y[o] = scale(x) · scales[o] · Σ weights[o, i] · x[i] + bias[o].
struct Linear {
  int inputs = 0;         // a multiple of kInputStep
  int outputs = 0;        // a multiple of kPanelColumns; the last ones may be padding
  int8_t* panels = nullptr;    // [outputs / 32][inputs / 4][32][4]
  float* scales = nullptr;     // [outputs]
  float* bias = nullptr;       // [outputs]
  int32_t* starts = nullptr;   // [outputs], −128 · Σ weights[o, i]: where a sum starts, since the zero point adds as much
};

struct Norm {
  const float* weight = nullptr;  // [hidden]
  const float* bias = nullptr;    // [hidden]
};

// The few products after the last layer, in floats. Weights are floats of 16 bits (binary16): a pass reads all of them for a few texts,
// and waits for them longer than it multiplies. That rounds each by 2^-12 of itself at most; docs/decisions/0004 has what scores make of it.
struct FloatLinear {
  int inputs = 0, outputs = 0;
  const uint16_t* weights = nullptr;  // [outputs / kLaneColumns][inputs][kLaneColumns]; where an output is not there, 0
  const float* bias = nullptr;     // [outputs]
};

struct Layer {
  // A head's queries, its keys and its values, then the next head's, each in whole panels. The last layer has none: see FirstTokenAttention.
  Linear queryKeyValue;
  Linear attentionOutput, expand, contract;
  Norm attentionNorm, outputNorm;
};

// What takes the place of the last layer's queries, keys and values, as only the first token asks there: first-token.hpp has why.
struct FirstTokenAttention {
  Linear queries;  // a head's, then the next head's, each in whole panels; times the scales of its keys' weights
  Linear absorb;   // for each head [hidden, its width], its keys' weights with rows for columns: query → what a token's row is multiplied with
  Linear values;   // as queries
};

enum class HeadActivation { tanh, relu };

struct Network {
  int hidden = 0, heads = 0, intermediate = 0, labels = 0, maxTokens = 0, vocabulary = 0, layerCount = 0;
  float epsilon = 0;
  const int8_t* words = nullptr;      // [vocabulary, hidden]
  const float* wordScales = nullptr;  // [vocabulary]
  const float* positions = nullptr;   // [maxTokens, hidden]
  const float* types = nullptr;       // [2, hidden], or nothing
  Norm embeddingNorm;
  Layer* layers = nullptr;
  FirstTokenAttention firstToken;
  FloatLinear headDense, classifier;
  HeadActivation headActivation = HeadActivation::tanh;
};

// Columns of a head's queries, as of its keys and its values.
inline int headColumns(const Network& network) { return roundUp(network.hidden / network.heads, kPanelColumns); }
// Outputs of a head of FirstTokenAttention::absorb.
inline int absorbedColumns(const Network& network) { return roundUp(network.hidden, kPanelColumns); }

}  // namespace valence
