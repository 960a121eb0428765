// Attention of a text's first token alone, which is all that the last layer's is asked for. Included by every instruction set after attention.hpp.
//
// Its keys and values are never made. A score is q · (K·x + b): Kᵀ·q, which is the same for all tokens, times x, and q · b, which a softmax does not
// see. And a weighted mean of V·x + b is V times the mean of x, plus b. So instead of a product with two matrices for every token there is one for every
// text, and what is left for a token is two sums over its row a head, in floats: nothing is rounded to 8 bits but what goes into the matrices.
// (Multi-head latent attention takes its keys' matrix into the queries likewise: DeepSeek-V2, arXiv 2405.04434, section 2.1.)
#pragma once
#include <algorithm>

namespace {

// Tokens whose scores are summed up side by side: with kHeadsTogether heads they fill half of the registers.
constexpr int kScoredTogether = kRegisters / (2 * kHeadsTogether);
// Tokens that are added to the means together: these lie in the first-level cache, and are read and written once for so many.
constexpr int kMixedTogether = 4;

inline float* scoresOf(const FirstTokenCall& call, int head) { return call.scores + (size_t)head * roundUp(call.tokens, kLaneColumns); }

template <int heads, int tokens>
inline void scoreSome(const FirstTokenCall& call, int token) {
  const float* const rows = call.rows + (size_t)token * call.stride;
  Floats sums[heads * tokens];
  forEach<heads * tokens>([&](auto k) __attribute__((always_inline)) { sums[k] = all(0); });
  const auto step = [&](int i, int left) __attribute__((always_inline)) {
    Floats values[tokens];
    forEach<tokens>([&](auto t) __attribute__((always_inline)) { values[t] = loadSome(rows + (size_t)t * call.stride + i, left); });
    forEach<heads>([&](auto head) __attribute__((always_inline)) {
      const Floats query = loadSome(call.queries + head * call.headStride + i, left);
      forEach<tokens>([&](auto t) __attribute__((always_inline)) { sums[head * tokens + t] = fma(query, values[t], sums[head * tokens + t]); });
    });
  };
  int i = 0;
  for (; i + 16 <= call.width; i += 16) step(i, 16);
  if (i < call.width) step(i, call.width - i);
  forEach<heads * tokens>([&](auto k) __attribute__((always_inline)) { scoresOf(call, k / tokens)[token + k % tokens] = sumOf(sums[k]); });
}

// Scores → weights that add up to 1. The softmax takes powers of 2.
inline void softmax(float* scores, int tokens) {
  const Floats largest = all(largestScore(scores, tokens));
  Floats sum = all(0);
  for (int i = 0; i < tokens; i += 16) {
    const Floats weight = keepFirst(exp2(load(scores + i) - largest), tokens - i, all(0));
    sum = sum + weight;
    store(scores + i, weight);
  }
  const Floats share = all(1.0f / sumOf(sum));
  for (int i = 0; i < tokens; i += 16) store(scores + i, load(scores + i) * share);
}

// The means so far, of tokens before this one, and these tokens' rows times their weights.
template <int heads, int tokens>
inline void mixSome(const FirstTokenCall& call, int token) {
  const float* const rows = call.rows + (size_t)token * call.stride;
  Floats weights[heads * tokens];
  forEach<heads * tokens>([&](auto k) __attribute__((always_inline)) { weights[k] = all(scoresOf(call, k / tokens)[token + k % tokens]); });
  const auto step = [&](int i, int left) __attribute__((always_inline)) {
    Floats values[tokens];
    forEach<tokens>([&](auto t) __attribute__((always_inline)) { values[t] = loadSome(rows + (size_t)t * call.stride + i, left); });
    forEach<heads>([&](auto head) __attribute__((always_inline)) {
      float* const means = call.queries + head * call.headStride + i;
      Floats mean = token == 0 ? all(0) : loadSome(means, left);
      forEach<tokens>([&](auto t) __attribute__((always_inline)) { mean = fma(weights[head * tokens + t], values[t], mean); });
      storeSome(means, mean, left);
    });
  };
  int i = 0;
  for (; i + 16 <= call.width; i += 16) step(i, 16);
  if (i < call.width) step(i, call.width - i);
}

template <int heads>
inline void attendFirstOf(const FirstTokenCall& call) {
  for (int token = 0; token < call.tokens; token += kScoredTogether) {
    withConstant<kScoredTogether>(std::min(kScoredTogether, call.tokens - token), [&](auto count) { scoreSome<heads, count>(call, token); });
  }
  for (int head = 0; head < heads; head++) softmax(scoresOf(call, head), call.tokens);
  for (int token = 0; token < call.tokens; token += kMixedTogether) {
    withConstant<kMixedTogether>(std::min(kMixedTogether, call.tokens - token), [&](auto count) { mixSome<heads, count>(call, token); });
  }
}

void attendFirst(const FirstTokenCall& call) {
  withConstant<kHeadsTogether>(call.heads, [&](auto heads) { attendFirstOf<heads>(call); });
}

}  // namespace
