// Attention of one head over one text: softmax(Q·Kᵀ / √width) · V, in integers but for the softmax.
//
// Queries are u8 and keys s8 with a scale a token, so scores are exact sums scaled. The softmax's weights take the
// values' scales in and become 16-bit integers against the row's largest, split into two bytes: with 8 bits the many small
// weights of a long text would all be 0. Both products go through the same tile as every other matrix.
//
// What all keys of a text have in common adds the same to every score of a row, which a softmax does not see; what all
// values have in common comes through whole, since the weights add up to 1. So the means over the text are taken off before
// quantising, which leaves the 8 bits to what differs (keys: SageAttention, arXiv 2410.02367, section 4.2).
// Included by every instruction set after linear.hpp.
#pragma once
#include <algorithm>

namespace {

constexpr float kLargestWeight = 65535.0f;

alignas(64) constexpr int32_t kNoStarts[kPanelColumns] = {};

// Where things lie in a thread's scratch memory.
struct AttentionScratch {
  int inner;         // the head's width, padded to the tile's step
  int innerTokens;   // the tokens, padded to the tile's step
  int outerTokens;   // the tokens, padded to whole panels
  int outerWidth;    // the head's width, padded to whole panels
  int8_t* keys;      // [outerTokens / 32][inner / 4][32][4]
  int8_t* values;    // [outerWidth / 32][innerTokens / 4][32][4]
  float* keyScales;  // [outerTokens]
  int32_t* keyStarts;    // [outerTokens], −128 · Σ key: where a score's sum starts
  float* valueScales;    // [outerTokens]
  float *keyMeans, *valueMeans;  // [outerWidth]
  uint8_t* queries;      // [kTileRows][inner]
  float* queryScales;    // [kTileRows]
  float* scores;         // [kTileRows][outerTokens]
  uint8_t *highBytes, *lowBytes;  // [kTileRows][innerTokens]
  float* outputScales;   // [kTileRows]
  size_t bytes;
};

AttentionScratch layOut(void* memory, int tokens, int width) {
  AttentionScratch at;
  at.inner = roundUp(width, kAttentionStep);
  at.innerTokens = roundUp(tokens, kAttentionStep);
  at.outerTokens = roundUp(tokens, kPanelColumns);
  at.outerWidth = roundUp(width, kPanelColumns);
  size_t used = 0;
  const auto take = [&](size_t bytes) {
    void* const taken = memory ? (char*)memory + used : nullptr;
    used += (bytes + 63) / 64 * 64;
    return taken;
  };
  at.keys = (int8_t*)take((size_t)at.outerTokens * at.inner);
  at.values = (int8_t*)take((size_t)at.outerWidth * at.innerTokens);
  at.keyScales = (float*)take(at.outerTokens * sizeof(float));
  at.keyStarts = (int32_t*)take(at.outerTokens * sizeof(int32_t));
  at.valueScales = (float*)take(at.outerTokens * sizeof(float));
  at.keyMeans = (float*)take(at.outerWidth * sizeof(float));
  at.valueMeans = (float*)take(at.outerWidth * sizeof(float));
  at.queries = (uint8_t*)take((size_t)kTileRows * at.inner);
  at.queryScales = (float*)take(kTileRows * sizeof(float));
  at.scores = (float*)take((size_t)kTileRows * at.outerTokens * sizeof(float));
  // Rows of bytes are written 16 at a time.
  at.highBytes = (uint8_t*)take((size_t)kTileRows * at.innerTokens + 16);
  at.lowBytes = (uint8_t*)take((size_t)kTileRows * at.innerTokens + 16);
  at.outputScales = (float*)take(kTileRows * sizeof(float));
  at.bytes = used;
  return at;
}

size_t attentionScratchBytes(int tokens, int width) { return layOut(nullptr, tokens, width).bytes; }

// The means over a text's tokens of columns [0, 16 · registers), side by side, since rows lie far apart and a sum waits for itself.
template <int registers>
inline void meansOfSome(const float* rows, int tokens, int stride, float* means) {
  Floats sums[registers];
#pragma GCC unroll 4
  for (int k = 0; k < registers; k++) sums[k] = all(0);
  for (int token = 0; token < tokens; token++) {
#pragma GCC unroll 4
    for (int k = 0; k < registers; k++) sums[k] = sums[k] + load(rows + (size_t)token * stride + 16 * k);
  }
  const Floats share = all(1.0f / tokens);
#pragma GCC unroll 4
  for (int k = 0; k < registers; k++) store(means + 16 * k, sums[k] * share);
}

void meansOf(const float* rows, int tokens, int width, int stride, float* means) {
  int i = 0;
  for (; i + 48 < width; i += 64) meansOfSome<4>(rows + i, tokens, stride, means + i);
  for (; i < width; i += 16) meansOfSome<1>(rows + i, tokens, stride, means + i);
}

// 16 columns of a row, less the means.
inline Floats centred(const float* row, const float* means, int i) { return load(row + i) - load(means + i); }

// Of all tokens before any is quantised: a token's largest value, its scale and its numbers each wait for the one before.
void scalesOf(const float* rows, int tokens, int width, int stride, const float* means, float* scales) {
  for (int token = 0; token < tokens; token++) {
    Floats largest = all(0);
    for (int i = 0; i < width; i += 16) largest = max(largest, magnitude(centred(rows + (size_t)token * stride, means, i)));
    scales[token] = scaleFor(largest);
  }
}

// 16 columns of four rows as s8, interleaved as a panel wants them: lane c holds rows 0 to 3 of column c.
inline Ints interleaved(const Ints rows[4]) {
  return lowBits(rows[0], 0xff) + shiftLeft<8>(lowBits(rows[1], 0xff)) + shiftLeft<16>(lowBits(rows[2], 0xff)) +
         shiftLeft<24>(rows[3]);
}

// Tokens whose keys are turned into columns together.
constexpr int kKeysTogether = 16;

// Keys of up to 16 tokens. A key is a column of its panel: four of its numbers lie together, then the next token's four. Columns past the
// last token are whatever they are: each makes only its own sum, which nobody looks at.
inline void packSomeKeys(const AttentionCall& call, const AttentionScratch& at, int first, int count) {
  alignas(64) int8_t bytes[kKeysTogether][64];
  Ints sums[kKeysTogether];
  int8_t* const columns = at.keys + (size_t)(first / kPanelColumns) * at.inner * kPanelColumns + first % kPanelColumns * 4;
  for (int from = 0; from < at.inner; from += 64) {
    for (int i = 0; i < count; i++) {
      const float* const key = call.keys + (size_t)(first + i) * call.stride;
      const Floats inverse = all(1.0f / at.keyScales[first + i]);
      const auto whole = [&](int column) { return column < call.width ? toInts(centred(key, at.keyMeans, column) * inverse) : allInts(0); };
      const Ints a = whole(from), b = whole(from + 16), c = whole(from + 32), d = whole(from + 48);
      const Ints sum = (a + b) + (c + d);
      sums[i] = from == 0 ? sum : sums[i] + sum;
      storeBytes(bytes[i], a, b, c, d, 0);
    }
    storeGroups(columns + (size_t)from * kPanelColumns, 4 * kPanelColumns, bytes, std::min(16, (at.inner - from) / 4));
  }
  for (int i = 0; i < count; i++) at.keyStarts[first + i] = -kZeroPoint * sumOf(sums[i]);
}

void packKeys(const AttentionCall& call, const AttentionScratch& at) {
  meansOf(call.keys, call.tokens, call.width, call.stride, at.keyMeans);
  scalesOf(call.keys, call.tokens, call.width, call.stride, at.keyMeans, at.keyScales);
  for (int token = 0; token < call.tokens; token += kKeysTogether) packSomeKeys(call, at, token, std::min(kKeysTogether, call.tokens - token));
}

// Up to four tokens' values, from `token` on.
template <int count>
inline void packSome(const AttentionCall& call, const AttentionScratch& at, int token) {
  const float* const from = call.values + (size_t)token * call.stride;
  Floats inverses[count];
#pragma GCC unroll 4
  for (int i = 0; i < count; i++) inverses[i] = all(1.0f / at.valueScales[token + i]);
  for (int column = 0; column < call.width; column += 16) {
    Ints rows[4] = {allInts(0), allInts(0), allInts(0), allInts(0)};
#pragma GCC unroll 4
    for (int i = 0; i < count; i++) rows[i] = toInts(centred(from + (size_t)i * call.stride, at.valueMeans, column) * inverses[i]);
    int8_t* panel = at.values + (size_t)(column / kPanelColumns) * at.innerTokens * kPanelColumns;
    storeInts(panel + (size_t)token * kPanelColumns + (column % kPanelColumns) * 4, interleaved(rows));
  }
}

// Four tokens' values lie together, then the next column's four. Tokens past the last one keep what was there: their
// weights are 0.
void packValues(const AttentionCall& call, const AttentionScratch& at) {
  meansOf(call.values, call.tokens, call.width, call.stride, at.valueMeans);
  scalesOf(call.values, call.tokens, call.width, call.stride, at.valueMeans, at.valueScales);
  int token = 0;
  for (; token + 4 <= call.tokens; token += 4) packSome<4>(call, at, token);
  switch (call.tokens - token) {
    case 1: return packSome<1>(call, at, token);
    case 2: return packSome<2>(call, at, token);
    case 3: return packSome<3>(call, at, token);
  }
}

void scoreRows(const AttentionCall& call, const AttentionScratch& at, int rows) {
  alignas(64) int32_t sums[kTileRows * kPanelColumns];
  // The softmax takes powers of 2.
  const float overRoot = kLog2OfE / sqrtf((float)call.width);
  for (int token = 0; token < call.tokens; token += kPanelColumns) {
    storeTile(at.queries, at.inner, rows, at.keys + (size_t)token * at.inner, at.inner, at.keyStarts + token, Ahead{}, sums);
    for (int row = 0; row < rows; row++) {
      const Floats scale = all(at.queryScales[row] * overRoot);
      float* scores = at.scores + (size_t)row * at.outerTokens + token;
      for (int i = 0; i < kPanelColumns; i += 16) {
        store(scores + i, toFloats(load(sums + row * kPanelColumns + i)) * load(at.keyScales + token + i) * scale);
      }
    }
  }
}

inline float largestScore(const float* scores, int tokens) {
  const Floats none = all(-3e38f);
  Floats largest = none;
  int i = 0;
  for (; i + 16 <= tokens; i += 16) largest = max(largest, load(scores + i));
  if (i < tokens) largest = max(largest, keepFirst(load(scores + i), tokens - i, none));
  return largestOf(largest);
}

// What a row's weights add up to, and the heaviest of them once the values' scales are in.
struct Weights {
  Floats sum, heaviest;
};

// Scores → weights with the values' scales.
inline Weights weigh(float* scores, const float* valueScales, int tokens, float largest) {
  Weights weights = {all(0), all(0)};
  const auto take = [&](int i, Floats weight, Floats scaled) {
    weights.sum = weights.sum + weight;
    weights.heaviest = max(weights.heaviest, scaled);
    store(scores + i, scaled);
  };
  const auto weightAt = [&](int i) { return exp2(load(scores + i) - all(largest)); };
  int i = 0;
  for (; i + 16 <= tokens; i += 16) {
    const Floats weight = weightAt(i);
    take(i, weight, weight * load(valueScales + i));
  }
  if (i < tokens) {
    const Floats weight = keepFirst(weightAt(i), tokens - i, all(0));
    // Behind the last token the scales may be anything, even not a number, which times 0 is not 0.
    take(i, weight, keepFirst(weight * load(valueScales + i), tokens - i, all(0)));
  }
  return weights;
}

// Weights → 16-bit integers in two rows of bytes, against the heaviest.
inline void splitWeights(const AttentionScratch& at, int row, int tokens, float heaviest) {
  const float* weights = at.scores + (size_t)row * at.outerTokens;
  const Floats inverse = all(kLargestWeight / heaviest);
  uint8_t *const high = at.highBytes + (size_t)row * at.innerTokens, *const low = at.lowBytes + (size_t)row * at.innerTokens;
  const auto whole = [&](int i) { return toInts(load(weights + i) * inverse); };
  int i = 0;
  for (; i + 64 <= tokens; i += 64) storeHalves(high + i, low + i, whole(i), whole(i + 16), whole(i + 32), whole(i + 48));
  for (; i < at.innerTokens; i += 16) {
    const Ints some = i < tokens ? whole(i) : allInts(0);
    storeBytes(high + i, shiftRight<8>(some));
    storeBytes(low + i, lowBits(some, 0xff));
  }
}

// Scores → 16-bit weights, and the factors that make the weighted sums of values of them. All rows take a step before any takes
// the next: within a row each step waits for the one before it, and a short text's steps are done sooner than waited for.
void softmaxRows(const AttentionCall& call, const AttentionScratch& at, int rows) {
  float largest[kTileRows], heaviest[kTileRows];
  Weights weights[kTileRows];
  const auto scores = [&](int row) { return at.scores + (size_t)row * at.outerTokens; };
  for (int row = 0; row < rows; row++) largest[row] = largestScore(scores(row), call.tokens);
  for (int row = 0; row < rows; row++) weights[row] = weigh(scores(row), at.valueScales, call.tokens, largest[row]);
  for (int row = 0; row < rows; row++) {
    heaviest[row] = largestOf(weights[row].heaviest);
    at.outputScales[row] = heaviest[row] / kLargestWeight / sumOf(weights[row].sum);
  }
  for (int row = 0; row < rows; row++) splitWeights(at, row, call.tokens, heaviest[row]);
}

void mixRows(const AttentionCall& call, const AttentionScratch& at, int firstRow, int rows) {
  alignas(64) int32_t high[kTileRows * kPanelColumns], low[kTileRows * kPanelColumns];
  for (int column = 0; column < call.width; column += kPanelColumns) {
    const int8_t* panel = at.values + (size_t)column * at.innerTokens;
    storeTile(at.highBytes, at.innerTokens, rows, panel, at.innerTokens, kNoStarts, Ahead{}, high);
    storeTile(at.lowBytes, at.innerTokens, rows, panel, at.innerTokens, kNoStarts, Ahead{}, low);
    for (int row = 0; row < rows; row++) {
      const Floats scale = all(at.outputScales[row]);
      float* output = call.output + (size_t)(firstRow + row) * call.outputStride + column;
      for (int i = 0; i < kPanelColumns && column + i < call.width; i += 16) {
        const int32_t* sums = high + row * kPanelColumns + i;
        const Floats sum = fma(toFloats(load(sums)), all(256.0f), toFloats(load(low + row * kPanelColumns + i)));
        storeSome(output + i, fma(sum, scale, load(at.valueMeans + column + i)), call.width - column - i);
      }
    }
  }
}

// The rows that will be written lie kilobytes apart, so each would be waited for by itself.
void expectOutput(const AttentionCall& call, int firstRow, int rows) {
  for (int row = firstRow; row < firstRow + rows; row++)
    for (int i = 0; i < call.width; i += 16) __builtin_prefetch(call.output + (size_t)row * call.outputStride + i, 1);
}

void attention(const AttentionCall& call, void* memory) {
  const AttentionScratch at = layOut(memory, call.tokens, call.width);
  packKeys(call, at);
  packValues(call, at);
  beginTiles();
  for (int first = 0, rows; first < call.tokens; first += rows) {
    rows = rowsOfTile(call.tokens - first);
    expectOutput(call, first, rows);
    quantise(call.queries + (size_t)first * call.stride, call.width, call.stride, rows, at.queries, at.inner,
             at.queryScales);
    scoreRows(call, at, rows);
    softmaxRows(call, at, rows);
    mixRows(call, at, first, rows);
  }
  endTiles();
}

}  // namespace
