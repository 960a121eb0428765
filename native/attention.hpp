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

namespace {

constexpr float kLargestWeight = 65535.0f;

// Where things lie in a thread's scratch memory.
struct AttentionScratch {
  int inner;         // the head's width, padded to the tile's step
  int innerTokens;   // the tokens, padded to the tile's step
  int outerTokens;   // the tokens, padded to whole panels
  int outerWidth;    // the head's width, padded to whole panels
  int8_t* keys;      // [outerTokens / 32][inner / 4][32][4]
  int8_t* values;    // [outerWidth / 32][innerTokens / 4][32][4]
  float* keyScales;  // [outerTokens]
  int32_t* keyOffsets;   // [outerTokens], 128 · Σ key
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
  at.keyOffsets = (int32_t*)take(at.outerTokens * sizeof(int32_t));
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

// The mean over a text's tokens, column by column; 64 columns at once, since rows lie far apart and a sum waits for itself.
void meansOf(const float* rows, int tokens, int width, int stride, float* means) {
  const Floats share = all(1.0f / tokens);
  for (int i = 0; i < width; i += 64) {
    Floats sums[4] = {all(0), all(0), all(0), all(0)};
    for (int token = 0; token < tokens; token++) {
      const float* row = rows + (size_t)token * stride;
#pragma GCC unroll 4
      for (int k = 0; k < 4; k++) sums[k] = sums[k] + loadSome(row + i + 16 * k, width - i - 16 * k);
    }
    for (int k = 0; k < 4 && i + 16 * k < width; k++) store(means + i + 16 * k, sums[k] * share);
  }
}

// Columns i to i + 15 of a row, less the means.
inline Floats centred(const float* row, const float* means, int i, int width) { return loadSome(row + i, width - i) - load(means + i); }

inline float scaleOfRow(const float* row, const float* means, int width) {
  Floats largest = all(0);
  for (int i = 0; i < width; i += 16) largest = max(largest, magnitude(centred(row, means, i, width)));
  return scaleFor(largest);
}

// 16 columns of four rows as s8, interleaved as a panel wants them: lane c holds rows 0 to 3 of column c.
inline Ints interleaved(const Ints rows[4]) {
  return lowBits(rows[0], 0xff) + shiftLeft<8>(lowBits(rows[1], 0xff)) + shiftLeft<16>(lowBits(rows[2], 0xff)) +
         shiftLeft<24>(rows[3]);
}

// A key is a column of its panel: four of its numbers lie together, then the next token's four. Columns past the last
// token keep what was there: each makes only its own sum, which nobody looks at.
void packKeys(const AttentionCall& call, const AttentionScratch& at) {
  alignas(64) int8_t key[kLongestHead] = {};
  meansOf(call.keys, call.tokens, call.width, call.stride, at.keyMeans);
  for (int token = 0; token < call.tokens; token++) {
    const float* row = call.keys + (size_t)token * call.stride;
    const float scale = scaleOfRow(row, at.keyMeans, call.width);
    const Floats inverse = all(1.0f / scale);
    Ints sum = allInts(0);
    for (int i = 0; i < call.width; i += 16) {
      const Ints whole = toInts(centred(row, at.keyMeans, i, call.width) * inverse);
      sum = sum + whole;
      storeBytes(key + i, whole);
    }
    at.keyScales[token] = scale;
    at.keyOffsets[token] = kZeroPoint * sumOf(sum);
    int8_t* column = at.keys + (size_t)(token / kPanelColumns) * at.inner * kPanelColumns + (token % kPanelColumns) * 4;
    for (int i = 0; i < at.inner; i += 4) __builtin_memcpy(column + (size_t)i * kPanelColumns, key + i, 4);
  }
}

// Four tokens' values lie together, then the next column's four. Tokens past the last one keep what was there: their
// weights are 0.
void packValues(const AttentionCall& call, const AttentionScratch& at) {
  meansOf(call.values, call.tokens, call.width, call.stride, at.valueMeans);
  for (int token = 0; token < call.tokens; token += 4) {
    const int count = call.tokens - token < 4 ? call.tokens - token : 4;
    Floats inverses[4];
    for (int i = 0; i < count; i++) {
      const float scale = scaleOfRow(call.values + (size_t)(token + i) * call.stride, at.valueMeans, call.width);
      at.valueScales[token + i] = scale;
      inverses[i] = all(1.0f / scale);
    }
    for (int column = 0; column < call.width; column += 16) {
      Ints rows[4] = {allInts(0), allInts(0), allInts(0), allInts(0)};
      for (int i = 0; i < count; i++) {
        const float* row = call.values + (size_t)(token + i) * call.stride;
        rows[i] = toInts(centred(row, at.valueMeans, column, call.width) * inverses[i]);
      }
      int8_t* panel = at.values + (size_t)(column / kPanelColumns) * at.innerTokens * kPanelColumns;
      storeInts(panel + (size_t)token * kPanelColumns + (column % kPanelColumns) * 4, interleaved(rows));
    }
  }
}

void scoreRows(const AttentionCall& call, const AttentionScratch& at, int rows) {
  alignas(64) int32_t sums[kTileRows * kPanelColumns];
  const float overRoot = 1.0f / sqrtf((float)call.width);
  for (int token = 0; token < call.tokens; token += kPanelColumns) {
    tile(at.queries, at.inner, rows, at.keys + (size_t)token * at.inner, at.inner, Ahead{}, sums);
    for (int row = 0; row < rows; row++) {
      const Floats scale = all(at.queryScales[row] * overRoot);
      float* scores = at.scores + (size_t)row * at.outerTokens + token;
      for (int i = 0; i < kPanelColumns; i += 16) {
        const Floats exact = toFloats(load(sums + row * kPanelColumns + i) - load(at.keyOffsets + token + i));
        store(scores + i, exact * load(at.keyScales + token + i) * scale);
      }
    }
  }
}

// Scores → 16-bit weights in two rows of bytes, and the factor that makes the weighted sum of values of them.
void softmaxRow(const AttentionCall& call, const AttentionScratch& at, int row) {
  float* scores = at.scores + (size_t)row * at.outerTokens;
  const int tokens = call.tokens;
  Floats largest = all(-3e38f);
  for (int i = 0; i < tokens; i += 16) largest = max(largest, keepFirst(load(scores + i), tokens - i, all(-3e38f)));
  const Floats top = all(largestOf(largest));
  Floats sum = all(0), heaviest = all(0);
  for (int i = 0; i < tokens; i += 16) {
    const Floats weight = keepFirst(exponential(load(scores + i) - top), tokens - i, all(0));
    // Behind the last token the scales may be anything, even not a number, which times 0 is not 0.
    const Floats scaled = keepFirst(weight * load(at.valueScales + i), tokens - i, all(0));
    sum = sum + weight;
    heaviest = max(heaviest, scaled);
    store(scores + i, scaled);
  }
  const float heaviestWeight = largestOf(heaviest);
  const Floats inverse = all(kLargestWeight / heaviestWeight);
  for (int i = 0; i < at.innerTokens; i += 16) {
    const Ints whole = i < tokens ? toInts(load(scores + i) * inverse) : allInts(0);
    storeBytes(at.highBytes + (size_t)row * at.innerTokens + i, shiftRight<8>(whole));
    storeBytes(at.lowBytes + (size_t)row * at.innerTokens + i, lowBits(whole, 0xff));
  }
  at.outputScales[row] = heaviestWeight / kLargestWeight / sumOf(sum);
}

void mixRows(const AttentionCall& call, const AttentionScratch& at, int firstRow, int rows) {
  alignas(64) int32_t high[kTileRows * kPanelColumns], low[kTileRows * kPanelColumns];
  for (int column = 0; column < call.width; column += kPanelColumns) {
    const int8_t* panel = at.values + (size_t)column * at.innerTokens;
    tile(at.highBytes, at.innerTokens, rows, panel, at.innerTokens, Ahead{}, high);
    tile(at.lowBytes, at.innerTokens, rows, panel, at.innerTokens, Ahead{}, low);
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

void attention(const AttentionCall& call, void* memory) {
  const AttentionScratch at = layOut(memory, call.tokens, call.width);
  packKeys(call, at);
  packValues(call, at);
  beginTiles();
  for (int first = 0; first < call.queryCount; first += kTileRows) {
    const int rows = call.queryCount - first < kTileRows ? call.queryCount - first : kTileRows;
    quantise(call.queries + (size_t)first * call.queryStride, call.width, call.queryStride, rows, at.queries, at.inner,
             at.queryScales);
    scoreRows(call, at, rows);
    for (int row = 0; row < rows; row++) softmaxRow(call, at, row);
    mixRows(call, at, first, rows);
  }
  endTiles();
}

}  // namespace
