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
  // Makes room for a pack.
  void reserve(const Network& network, int tokens);

  Array<float> x, context;
  Array<float> firstX, pooled;
  Array<uint8_t> quantised, quantisedContext, firstQuantised;
  Array<float> scales, contextScales, firstScales;
  std::vector<int> starts;  // [texts], each text's first token
  Array<int32_t> places;    // [tokens], of each in its text

 private:
  int tokens_ = 0, width_ = 0;
};

// What a thread needs for itself, whichever pass it works on.
class Scratch {
 public:
  // Makes room for a pack.
  void reserve(const Network& network, const Kernels& kernels, int tokens);

  Array<float> expanded;              // [a block's rows, intermediate]
  Array<uint8_t> quantisedExpanded;
  Array<float> expandedScales;
  Array<float> largest;               // [chunks of the product, a block's rows]
  Array<float> queryKeyValue;         // [tokens, those of one head]: the next head's go where a core has this one's at hand
  Array<char> attention;
  // Of the last layer's attention: some texts at a time, and some heads of each.
  Array<float> queries;             // [texts, columns of those heads]; or the values of one
  Array<uint8_t> quantisedQueries;  // [texts, a head's width]
  Array<float> absorbed;            // [heads, texts, hidden]
  Array<uint8_t> quantisedMeans;    // [texts, hidden]
  Array<float> firstScales;         // [texts]
  Array<float> scores;              // [heads, tokens of the longest text]

 private:
  void reserveForFirst(const Network& network);

  int inner_ = 0, tokens_ = 0, columns_ = 0, hidden_ = 0, firstColumns_ = 0, longest_ = 0;
  size_t attentionBytes_ = 0;
};

// logits[texts][labels]. Every text's logits depend on its own tokens alone, to the last bit: each float comes from the
// same operations in the same order whatever else is in the pack and whoever does the chunks.
// @param scratches one for each thread of the team, of which `thread` owns the pass
// @throws std::bad_alloc
void runPass(const Network& network, const Kernels& kernels, const Pack& pack, Workspace& workspace, std::vector<Scratch>& scratches, Team& team,
             int thread, float* logits);

}  // namespace valence
