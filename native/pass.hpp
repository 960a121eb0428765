// A forward pass: a pack of texts, their tokens end to end, through the whole network.
#pragma once
#include <vector>
#include "kernels.hpp"
#include "memory.hpp"
#include "team.hpp"

namespace valence {

struct Pack {
  int texts = 0, tokens = 0;
  const int32_t* lengths = nullptr;  // [texts]
  const int32_t* ids = nullptr;      // [tokens]
  const int32_t* typeIds = nullptr;  // [tokens]
};

// What one pass works on; it grows to the largest pack and is used again. One thread at a time owns it.
class Workspace {
 public:
  // Makes room for a pack, and for `threads` threads to attend in.
  void reserve(const Network& network, const Kernels& kernels, int tokens, int threads);

  Array<float> x, queryKeyValue, context, expanded;
  Array<float> firstX, firstQuery, pooled;
  Array<uint8_t> quantised, quantisedContext, quantisedExpanded, firstQuantised;
  Array<float> scales, contextScales, expandedScales, firstScales;
  std::vector<Array<char>> attention;
  std::vector<int> starts;  // [texts], each text's first token

 private:
  int tokens_ = 0, width_ = 0, attended_ = 0, inner_ = 0;
  size_t attentionBytes_ = 0;
};

// logits[texts][labels]. Every text's logits depend on its own tokens alone, to the last bit: each float comes from the
// same operations in the same order whatever else is in the pack and whoever does the chunks.
void runPass(const Network& network, const Kernels& kernels, const Pack& pack, Workspace& workspace, Team& team, int thread,
             float* logits);

}  // namespace valence
