#include "pass.hpp"

#include <algorithm>
#include <cmath>

namespace valence {
namespace {

// Rows that go through the feed-forward part together, so that what lies between its two products (4 times as wide as the
// rest) stays in a core's second-level cache: 48 rows of 3,072 floats are 0.6 MB. Where that cache has 1 MB, 96 rows are 3% slower.
constexpr int kFeedForwardRows = 48;
// Rows of a chunk where the work is by rows; a row takes about a microsecond.
constexpr int kChunkRows = 8;
// A chunk of a product does about this many multiplications, some 15 µs of them: taking it costs a trip between two cores.
constexpr int64_t kChunkProducts = 1 << 23;

// Rows of the head's float matrix in a chunk.
constexpr int kHeadRows = 32;

int chunksOf(int count, int size) { return (count + size - 1) / size; }

// At most `most`, so that chunks are of one size and even in number: two threads are then done at the same time.
int chunkSize(int count, int most) { return chunksOf(count, roundUp(chunksOf(count, most), 2)); }

// @param products multiplications of one
int chunkSizeOf(int count, int64_t products) { return chunkSize(count, (int)std::max<int64_t>(1, kChunkProducts / products)); }

// Some panels of a matrix, as a product's chunks have them.
struct Panels {
  const Linear* linear = nullptr;
  int first = 0, end = 0;
  int inChunk = 1;

  int chunks() const { return chunksOf(end - first, inChunk); }
  const int8_t* ofChunk(int chunk) const { return linear->panels + (size_t)(first + chunk * inChunk) * linear->inputs * kPanelColumns; }
};

// What a head makes of a row.
enum Part { queries, keys, values };

// One pass under way.
struct Pass {
  const Network& network;
  const Kernels& kernels;
  const Pack& pack;
  Workspace& at;
  Team& team;
  int thread;

  const int hidden = network.hidden;
  const int stride = roundUp(hidden, kPanelColumns);              // of x and context
  const int quantisedStride = roundUp(hidden, kInputStep);
  const int expandedStride = roundUp(network.intermediate, kPanelColumns);
  const int headWidth = hidden / network.heads;
  const int columns = headColumns(network);
  const int headStride = 3 * columns;  // of a head's queries, keys and values together

  Panels panelsOf(const Linear& linear, int rows) {
    const int panels = linear.outputs / kPanelColumns;
    return {&linear, 0, panels, chunkSizeOf(panels, (int64_t)rows * linear.inputs * kPanelColumns)};
  }

  // The panel that a thread reads after a chunk, where it is known.
  static const int8_t* panelAfter(const Panels& panels, const Team::Turn& turn, const Panels& next) {
    if (!turn.last) return panels.ofChunk(turn.helps ? turn.chunk - 1 : turn.chunk + 1);
    return next.linear ? next.ofChunk(turn.helps ? next.chunks() - 1 : 0) : nullptr;
  }

  // @param next what is multiplied after it
  void product(const Panels& panels, const LinearCall& call, const Panels& next) {
    team.share(panels.chunks(), thread, [&](const Team::Turn& turn) {
      LinearCall part = call;
      part.after = panelAfter(panels, turn, next);
      const int from = panels.first + turn.chunk * panels.inChunk;
      kernels.linear(part, from, std::min(from + panels.inChunk, panels.end));
    });
  }

  template <typename Function>
  void byRows(int rows, Function&& function) {
    const int some = chunkSize(rows, kChunkRows);
    team.share(chunksOf(rows, some), thread, [&](const Team::Turn& turn) {
      const int from = turn.chunk * some;
      function(from, std::min(some, rows - from));
    });
  }

  void normalise(const Norm& norm, int rows, float* x, uint8_t* quantised, float* scales) {
    byRows(rows, [&](int from, int count) {
      kernels.normalise(x + (size_t)from * stride, norm, network.epsilon, hidden, stride, count,
                        quantised + (size_t)from * quantisedStride, quantisedStride, scales + from);
    });
  }

  // → x [tokens, hidden]
  void embed() {
    at.starts.clear();
    for (int text = 0, start = 0; text < pack.texts; start += pack.lengths[text++]) at.starts.push_back(start);
    team.share(pack.texts, thread, [&](const Team::Turn& turn) {
      const int text = turn.chunk;
      for (int position = 0; position < pack.lengths[text]; position++) {
        const int token = at.starts[text] + position;
        kernels.embed(network, pack.ids[token], position, pack.typeIds[token], at.x.get() + (size_t)token * stride);
      }
    });
    normalise(network.embeddingNorm, pack.tokens, at.x.get(), at.quantised.get(), at.scales.get());
  }

  // All heads' panels, in chunks of whole heads. The first that is read of a head is of its queries, or of its keys.
  Panels panelsOfHeads(const Layer& layer, Part first) {
    const int heads = chunkSizeOf(network.heads, (int64_t)pack.tokens * quantisedStride * headStride);
    return {&layer.queryKeyValue, first * columns / kPanelColumns, layer.queryKeyValue.outputs / kPanelColumns, heads * headStride / kPanelColumns};
  }

  // Each head's products and then its attention, while a core still has what they gave in its second-level cache.
  // @param next what is multiplied after it
  template <typename Function>
  void byHeads(const Panels& panels, const Panels& next, Function&& attendHead) {
    team.share(panels.chunks(), thread, [&](const Team::Turn& turn) {
      const int heads = panels.inChunk * kPanelColumns / headStride;
      const int from = turn.chunk * heads, end = std::min(from + heads, network.heads);
      for (int head = from; head < end; head++) {
        const int8_t* const ofNext = panels.ofChunk(turn.chunk) + (size_t)(head + 1 - from) * headStride * panels.linear->inputs;
        attendHead(head, head + 1 < end ? ofNext : panelAfter(panels, turn, next), at.attention[turn.thread].get());
      }
    });
  }

  // Some parts of a head as a matrix of their own.
  Linear partsOf(const Layer& layer, int head, Part first, int count) {
    Linear parts = layer.queryKeyValue;
    const int output = head * headStride + first * columns;
    parts.outputs = count * columns;
    parts.panels += (size_t)output * parts.inputs;
    parts.scales += output;
    parts.bias += output;
    parts.starts += output;
    return parts;
  }

  void project(const Linear& linear, const uint8_t* quantised, const float* scales, int rows, float* output, int outputStride, const int8_t* after) {
    kernels.linear({&linear, quantised, scales, rows, output, outputStride, Then::store, after}, 0, linear.outputs / kPanelColumns);
  }

  // A head's attention in every text, of all its tokens or of the first.
  void attendTexts(int head, const float* queries, int queryStride, bool firstTokensOnly, void* scratch) {
    for (int text = 0; text < pack.texts; text++) {
      const int start = at.starts[text], row = firstTokensOnly ? text : start;
      const float* const ofText = ofHead(head) + (size_t)start * headStride;
      AttentionCall call;
      call.queries = queries + (size_t)row * queryStride;
      call.keys = ofText + keys * columns;
      call.values = ofText + values * columns;
      call.queryCount = firstTokensOnly ? 1 : pack.lengths[text];
      call.tokens = pack.lengths[text];
      call.width = headWidth;
      call.queryStride = queryStride;
      call.stride = headStride;
      call.output = at.context.get() + (size_t)row * stride + head * headWidth;
      call.outputStride = stride;
      kernels.attention(call, scratch);
    }
  }

  // A head's queries, keys and values [tokens, headStride].
  float* ofHead(int head) { return at.queryKeyValue.get() + (size_t)head * pack.tokens * headStride; }

  // x + what attention makes of context → x, quantised
  void afterAttention(const Layer& layer, int rows, float* x, uint8_t* quantised, float* scales) {
    byRows(rows, [&](int from, int count) {
      kernels.quantise(at.context.get() + (size_t)from * stride, hidden, stride, count,
                       at.quantisedContext.get() + (size_t)from * quantisedStride, quantisedStride, at.contextScales.get() + from);
    });
    product(panelsOf(layer.attentionOutput, rows),
            {&layer.attentionOutput, at.quantisedContext.get(), at.contextScales.get(), rows, x, stride, Then::add},
            panelsOf(layer.expand, std::min(rows, kFeedForwardRows)));
    normalise(layer.attentionNorm, rows, x, quantised, scales);
  }

  // @param next what is multiplied after it
  void feedForward(const Layer& layer, int rows, float* x, uint8_t* quantised, float* scales, const Panels& next) {
    for (int first = 0; first < rows; first += kFeedForwardRows) {
      const int count = std::min(kFeedForwardRows, rows - first), left = rows - first - count;
      const Panels expand = panelsOf(layer.expand, count), contract = panelsOf(layer.contract, count);
      product(expand, {&layer.expand, quantised + (size_t)first * quantisedStride, scales + first, count, at.expanded.get(), expandedStride,
                       Then::gelu}, contract);
      const int width = layer.contract.inputs;
      byRows(count, [&](int from, int some) {
        kernels.quantise(at.expanded.get() + (size_t)from * expandedStride, network.intermediate, expandedStride, some,
                         at.quantisedExpanded.get() + (size_t)from * width, width, at.expandedScales.get() + from);
      });
      product(contract, {&layer.contract, at.quantisedExpanded.get(), at.expandedScales.get(), count, x + (size_t)first * stride, stride, Then::add},
              left > 0 ? panelsOf(layer.expand, std::min(left, kFeedForwardRows)) : next);
    }
    normalise(layer.outputNorm, rows, x, quantised, scales);
  }

  void fullLayer(const Layer& layer, const Panels& next) {
    byHeads(panelsOfHeads(layer, queries), panelsOf(layer.attentionOutput, pack.tokens), [&](int head, const int8_t* after, void* scratch) {
      project(partsOf(layer, head, queries, 3), at.quantised.get(), at.scales.get(), pack.tokens, ofHead(head), headStride, after);
      attendTexts(head, ofHead(head), headStride, false, scratch);
    });
    afterAttention(layer, pack.tokens, at.x.get(), at.quantised.get(), at.scales.get());
    feedForward(layer, pack.tokens, at.x.get(), at.quantised.get(), at.scales.get(), next);
  }

  // The head reads nothing but the first token ([CLS]), so the last layer asks for it alone: keys and values of all tokens,
  // everything else for one row a text. Exact.
  void lastLayer(const Layer& layer) {
    for (int text = 0; text < pack.texts; text++) {
      const size_t from = at.starts[text];
      std::copy_n(at.x.get() + from * stride, stride, at.firstX.get() + (size_t)text * stride);
      std::copy_n(at.quantised.get() + from * quantisedStride, quantisedStride, at.firstQuantised.get() + (size_t)text * quantisedStride);
      at.firstScales[text] = at.scales[from];
    }
    byHeads(panelsOfHeads(layer, keys), panelsOf(layer.attentionOutput, pack.texts), [&](int head, const int8_t* after, void* scratch) {
      const Linear ofQueries = partsOf(layer, head, queries, 1);
      project(partsOf(layer, head, keys, 2), at.quantised.get(), at.scales.get(), pack.tokens, ofHead(head) + keys * columns, headStride, ofQueries.panels);
      float* const firstQueries = at.firstQuery.get() + (size_t)head * pack.texts * columns;
      project(ofQueries, at.firstQuantised.get(), at.firstScales.get(), pack.texts, firstQueries, columns, after);
      attendTexts(head, firstQueries, columns, true, scratch);
    });
    afterAttention(layer, pack.texts, at.firstX.get(), at.firstQuantised.get(), at.firstScales.get());
    feedForward(layer, pack.texts, at.firstX.get(), at.firstQuantised.get(), at.firstScales.get(), {});
  }

  // firstX → logits
  void head(float* logits) {
    const FloatLinear &hiddenLayer = network.headDense, &classifier = network.classifier;
    const bool isTanh = network.headActivation == HeadActivation::tanh;
    team.share(chunksOf(hiddenLayer.outputs, kHeadRows), thread, [&](const Team::Turn& turn) {
      const int first = turn.chunk * kHeadRows, end = std::min(first + kHeadRows, hiddenLayer.outputs);
      kernels.dense(hiddenLayer, at.firstX.get(), stride, pack.texts, first, end, at.pooled.get(), stride);
      for (int text = 0; text < pack.texts; text++) {
        float* row = at.pooled.get() + (size_t)text * stride;
        for (int i = first; i < end; i++) row[i] = isTanh ? std::tanh(row[i]) : std::max(row[i], 0.0f);
      }
    });
    kernels.dense(classifier, at.pooled.get(), stride, pack.texts, 0, classifier.outputs, logits, classifier.outputs);
  }
};

}  // namespace

void Workspace::reserve(const Network& network, const Kernels& kernels, int tokens, int threads) {
  // Rows serve as inputs and as outputs, and the step of the inputs is a multiple of a panel.
  static_assert(kInputStep % kPanelColumns == 0);
  const int width = roundUp(network.hidden, kInputStep), inner = roundUp(network.intermediate, kInputStep);
  const int attended = network.heads * headColumns(network);
  if (tokens > tokens_ || width > width_ || attended > attended_ || inner > inner_) {
    tokens_ = std::max(tokens, tokens_);
    width_ = std::max(width, width_);
    attended_ = std::max(attended, attended_);
    inner_ = std::max(inner, inner_);
    const size_t rows = tokens_ + kSpareRows, block = kFeedForwardRows + kSpareRows;
    for (Array<float>* floats : {&x, &context, &firstX, &pooled}) *floats = zeroed<float>(rows * width_);
    queryKeyValue = zeroed<float>(rows * 3 * attended_);
    firstQuery = zeroed<float>(rows * attended_);
    for (Array<uint8_t>* bytes : {&quantised, &quantisedContext, &firstQuantised}) *bytes = zeroed<uint8_t>(rows * width_);
    for (Array<float>* floats : {&scales, &contextScales, &firstScales}) *floats = zeroed<float>(rows);
    expanded = zeroed<float>(block * inner_);
    quantisedExpanded = zeroed<uint8_t>(block * inner_);
    expandedScales = zeroed<float>(block);
  }
  const size_t bytes = kernels.attentionScratchBytes(network.maxTokens, network.hidden / network.heads);
  if (bytes > attentionBytes_ || attention.size() < (size_t)threads) {
    attentionBytes_ = std::max(bytes, attentionBytes_);
    attention.clear();
    for (int i = 0; i < threads; i++) attention.push_back(zeroed<char>(attentionBytes_));
  }
}

void runPass(const Network& network, const Kernels& kernels, const Pack& pack, Workspace& workspace, Team& team, int thread,
             float* logits) {
  Pass pass{network, kernels, pack, workspace, team, thread};
  pass.embed();
  const Layer* const last = network.layers + network.layerCount - 1;
  for (const Layer* layer = network.layers; layer < last; layer++) {
    pass.fullLayer(*layer, pass.panelsOfHeads(layer[1], layer + 1 < last ? queries : keys));
  }
  pass.lastLayer(*last);
  pass.head(logits);
}

}  // namespace valence
