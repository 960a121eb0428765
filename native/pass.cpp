#include "pass.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <new>

namespace valence {
namespace {

// Rows that go through the feed-forward part together, so that what lies between its two products (4 times as wide as the
// rest) stays in a core's second-level cache: 48 rows of 3,072 floats are 0.6 MB. Where that cache has 1 MB, 96 rows are 3%
// slower, and where it has 2 MB they are no faster.
constexpr int kBlockRows = 48;
// Texts whose first tokens attend together: two tiles of them.
constexpr int kTextsTogether = 24;
// What takes as long as a multiplication of two floats, in multiplications of bytes.
constexpr int kBytesInFloat = 4;
// Rows of a chunk where the work is by rows; a row takes about a microsecond.
constexpr int kChunkRows = 8;
// A chunk's first words are waited for, and the others fetched meanwhile.
constexpr int kTokensAhead = 2;
// A chunk of a product does about this many multiplications, some 30 to 50 µs of them: taking it costs a trip between two cores.
constexpr int64_t kChunkProducts = 1 << 24;

// Rows of the head's float matrix in a chunk; for one text they take some 5 µs.
constexpr int kHeadRows = 128;
static_assert(kHeadRows % kLaneColumns == 0);

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
  int firstOf(int chunk) const { return first + chunk * inChunk; }
  int endOf(int chunk) const { return std::min(firstOf(chunk) + inChunk, end); }
  const int8_t* ofChunk(int chunk) const { return linear->panels + (size_t)firstOf(chunk) * linear->inputs * kPanelColumns; }
};

// Rows of all tokens, or of the first of each text, with what attention makes of them.
struct Rows {
  int count;
  float* x;             // [count, stride]
  uint8_t* quantised;   // [count, quantisedStride]
  float* scales;        // [count]
  float* context;             // [count, stride]; once it is quantised, what is to be added to x
  uint8_t* quantisedContext;  // [count, quantisedStride]
  float* contextScales;       // [count]
};

// One pass under way.
struct Pass {
  const Network& network;
  const Kernels& kernels;
  const Pack& pack;
  Workspace& at;
  std::vector<Scratch>& scratches;
  Team& team;
  int thread;
  std::atomic<bool> outOfMemory{false};

  const int hidden = network.hidden;
  const int stride = roundUp(hidden, kPanelColumns);              // of x and context
  const int quantisedStride = roundUp(hidden, kInputStep);
  const int expandedStride = roundUp(network.intermediate, kPanelColumns);
  const int quantisedExpandedStride = roundUp(network.intermediate, kInputStep);
  const int headWidth = hidden / network.heads;
  const int columns = headColumns(network);
  const int headStride = 3 * columns;  // of a head's queries, keys and values together

  // A thread's own memory, which it makes room in itself; null where there is none.
  Scratch* scratchOf(int thread) {
    try {
      scratches[thread].reserve(network, kernels, pack.tokens);
      return &scratches[thread];
    } catch (const std::bad_alloc&) {
      outOfMemory = true;
      return nullptr;
    }
  }

  Panels panelsOf(const Linear& linear, int rows) {
    const int panels = linear.outputs / kPanelColumns;
    return {&linear, 0, panels, chunkSizeOf(panels, (int64_t)rows * linear.inputs * kPanelColumns)};
  }

  // The panel that a thread reads after a chunk, where it is known.
  static const int8_t* panelAfter(const Panels& panels, const Team::Turn& turn, const Panels& next) {
    if (!turn.last) return panels.ofChunk(turn.helps ? turn.chunk - 1 : turn.chunk + 1);
    return next.linear ? next.ofChunk(turn.helps ? next.chunks() - 1 : 0) : nullptr;
  }

  // A step whose chunks the threads share.
  struct Together {
    Pass& pass;

    // @param next what is multiplied after it
    void product(const Panels& panels, const LinearCall& call, const Panels& next) {
      pass.team.share(panels.chunks(), pass.thread, [&](const Team::Turn& turn) { productOfChunk(panels, call, turn, next); });
    }

    // The product's rows in `expanded`, and quantised in `quantisedExpanded`. Each thread looks at the columns that it made, and so reads
    // none of another core's but each row's largest of each chunk.
    void productAsBytes(const Panels& panels, const LinearCall& call, const Panels& next, Scratch& scratch) {
      const int stride = pass.quantisedExpandedStride;
      const auto columnOf = [&](int chunk) { return panels.firstOf(chunk) * kPanelColumns; };
      const auto widthOf = [&](int chunk) { return panels.endOf(chunk) * kPanelColumns - columnOf(chunk); };
      float* const largest = scratch.largest.get();  // [chunk, kBlockRows]
      pass.team.share(panels.chunks(), pass.thread, [&](const Team::Turn& turn) {
        productOfChunk(panels, call, turn, next);
        pass.kernels.findLargest(call.output + columnOf(turn.chunk), widthOf(turn.chunk), call.outputStride, call.rows,
                                 largest + turn.chunk * kBlockRows);
      });
      pass.team.share(panels.chunks(), pass.thread, [&](const Team::Turn& turn) {
        float ofRows[kBlockRows] = {}, scales[kBlockRows];
        for (int chunk = 0; chunk < panels.chunks(); chunk++)
          for (int row = 0; row < call.rows; row++) ofRows[row] = std::max(ofRows[row], largest[chunk * kBlockRows + row]);
        const int column = columnOf(turn.chunk);
        pass.kernels.quantiseSome(call.output + column, widthOf(turn.chunk), call.outputStride, call.rows, ofRows,
                                  scratch.quantisedExpanded.get() + column, stride, scales);
        if (turn.chunk == 0) std::copy_n(scales, call.rows, scratch.expandedScales.get());
      });
    }

    template <typename Function>
    void byRows(int rows, Function&& function) {
      const int some = chunkSize(rows, kChunkRows);
      pass.team.share(chunksOf(rows, some), pass.thread, [&](const Team::Turn& turn) {
        const int from = turn.chunk * some;
        function(from, std::min(some, rows - from));
      });
    }

   private:
    void productOfChunk(const Panels& panels, const LinearCall& call, const Team::Turn& turn, const Panels& next) {
      LinearCall part = call;
      part.after = panelAfter(panels, turn, next);
      pass.kernels.linear(part, panels.firstOf(turn.chunk), panels.endOf(turn.chunk));
    }
  };

  // A step of a thread that has rows of its own.
  struct Alone {
    Pass& pass;

    void product(const Panels& panels, const LinearCall& call, const Panels& next) {
      LinearCall whole = call;
      whole.after = next.linear ? next.ofChunk(0) : nullptr;
      pass.kernels.linear(whole, panels.first, panels.end);
    }

    void productAsBytes(const Panels& panels, const LinearCall& call, const Panels& next, Scratch& scratch) {
      product(panels, call, next);
      pass.kernels.quantise(call.output, pass.network.intermediate, call.outputStride, call.rows, scratch.quantisedExpanded.get(),
                            pass.quantisedExpandedStride, scratch.expandedScales.get());
    }

    template <typename Function>
    void byRows(int rows, Function&& function) {
      function(0, rows);
    }
  };

  Rows allRows() {
    return {pack.tokens, at.x.get(), at.quantised.get(), at.scales.get(), at.context.get(), at.quantisedContext.get(), at.contextScales.get()};
  }
  Rows firstRows() {
    return {pack.texts, at.firstX.get(), at.firstQuantised.get(), at.firstScales.get(), at.context.get(), at.quantisedContext.get(), at.contextScales.get()};
  }
  Rows some(const Rows& rows, int first, int count) {
    const size_t floats = (size_t)first * stride, bytes = (size_t)first * quantisedStride;
    return {count, rows.x + floats, rows.quantised + bytes, rows.scales + first,
            rows.context + floats, rows.quantisedContext + bytes, rows.contextScales + first};
  }

  // x + added → x, normalised
  template <typename How>
  void normalise(How how, const Norm& norm, const Rows& rows, const float* added) {
    how.byRows(rows.count, [&](int from, int count) {
      const size_t at = (size_t)from * stride;
      kernels.normalise(rows.x + at, added ? added + at : nullptr, norm, network.epsilon, hidden, stride, count,
                        rows.quantised + (size_t)from * quantisedStride, quantisedStride, rows.scales + from);
    });
  }

  // Words lie anywhere in a matrix that no cache holds.
  void expectWord(int32_t word) {
    const int8_t* const row = network.words + (size_t)word * hidden;
    for (size_t i = 0; i < (size_t)hidden; i += kLineBytes) __builtin_prefetch(row + i);
  }

  // → x [tokens, hidden], normalised
  void embed() {
    at.starts.clear();
    for (int text = 0, start = 0; text < pack.texts; start += pack.lengths[text++]) {
      at.starts.push_back(start);
      for (int position = 0; position < pack.lengths[text]; position++) at.places[start + position] = position;
    }
    const int some = chunkSize(pack.tokens, kChunkRows);
    team.share(chunksOf(pack.tokens, some), thread, [&](const Team::Turn& turn) {
      const int from = turn.chunk * some, end = std::min(from + some, pack.tokens);
      for (int token = from; token < end; token++) {
        if (token + kTokensAhead < pack.tokens) expectWord(pack.ids[token + kTokensAhead]);
        kernels.embed(network, pack.ids[token], at.places[token], pack.typeIds[token], at.x.get() + (size_t)token * stride);
      }
      normalise(Alone{*this}, network.embeddingNorm, this->some(allRows(), from, end - from), nullptr);
    });
  }

  // All heads' panels, in chunks of whole heads.
  Panels panelsOfHeads(const Layer& layer) {
    const Linear& linear = layer.queryKeyValue;
    const int heads = chunkSizeOf(network.heads, (int64_t)pack.tokens * linear.inputs * headStride);
    return {&linear, 0, linear.outputs / kPanelColumns, heads * headStride / kPanelColumns};
  }

  // Some outputs as a matrix of their own.
  // @param first a multiple of kPanelColumns, as `count` is
  static Linear outputsOf(Linear linear, int first, int count) {
    linear.outputs = count;
    linear.panels += (size_t)first * linear.inputs;
    linear.scales += first;
    linear.bias += first;
    linear.starts += first;
    return linear;
  }

  // All of a matrix's outputs, by one thread.
  void project(const Linear& linear, const uint8_t* quantised, const float* scales, int rows, float* output, int outputStride, const int8_t* after) {
    kernels.linear({&linear, quantised, scales, rows, output, outputStride, Then::store, after}, 0, linear.outputs / kPanelColumns);
  }

  // A head's attention in every text.
  void attendTexts(int head, const Scratch& scratch) {
    const float* const rows = scratch.queryKeyValue.get();
    for (int text = 0; text < pack.texts; text++) {
      const int start = at.starts[text];
      const float* const ofText = rows + (size_t)start * headStride;
      AttentionCall call;
      call.queries = ofText;
      call.keys = ofText + columns;
      call.values = ofText + 2 * columns;
      call.tokens = pack.lengths[text];
      call.width = headWidth;
      call.stride = headStride;
      call.output = at.context.get() + (size_t)start * stride + head * headWidth;
      call.outputStride = stride;
      kernels.attention(call, scratch.attention.get());
    }
  }

  // x + context · W → x, normalised
  template <typename How>
  void attentionOutput(How how, const Layer& layer, const Rows& rows) {
    how.byRows(rows.count, [&](int from, int count) {
      kernels.quantise(rows.context + (size_t)from * stride, hidden, stride, count,
                       rows.quantisedContext + (size_t)from * quantisedStride, quantisedStride, rows.contextScales + from);
    });
    how.product(panelsOf(layer.attentionOutput, rows.count),
                {&layer.attentionOutput, rows.quantisedContext, rows.contextScales, rows.count, rows.context, stride, Then::store},
                panelsOf(layer.expand, std::min(rows.count, kBlockRows)));
    normalise(how, layer.attentionNorm, rows, rows.context);
  }

  // gelu(x · W) · W' → context
  // @param rows at most kBlockRows
  // @param next what is multiplied after it
  template <typename How>
  void feedForward(How how, const Layer& layer, const Rows& rows, Scratch& scratch, const Panels& next) {
    const Panels contract = panelsOf(layer.contract, rows.count);
    how.productAsBytes(panelsOf(layer.expand, rows.count),
                       {&layer.expand, rows.quantised, rows.scales, rows.count, scratch.expanded.get(), expandedStride, Then::gelu}, contract, scratch);
    how.product(contract, {&layer.contract, scratch.quantisedExpanded.get(), scratch.expandedScales.get(), rows.count, rows.context, stride, Then::store}, next);
  }

  // Where there are blocks of rows for all threads, each thread takes whole blocks through all that is left of the layer: nobody
  // waits for anybody, and no row goes from one core's cache to another's.
  // @param next what is multiplied after it
  void afterAttention(const Layer& layer, const Rows& rows, const Panels& next) {
    const int inBlock = chunkSize(rows.count, kBlockRows), blocks = chunksOf(rows.count, inBlock);
    if (rows.count <= kBlockRows || blocks < (int)scratches.size()) return afterAttentionTogether(layer, rows, next);
    team.share(blocks, thread, [&](const Team::Turn& turn) {
      Scratch* const scratch = scratchOf(turn.thread);
      if (!scratch) return;
      const int first = turn.chunk * inBlock;
      const Rows block = some(rows, first, std::min(inBlock, rows.count - first));
      const Alone how{*this};
      attentionOutput(how, layer, block);
      feedForward(how, layer, block, *scratch, turn.last ? next : panelsOf(layer.attentionOutput, block.count));
      normalise(how, layer.outputNorm, block, block.context);
    });
  }

  void afterAttentionTogether(const Layer& layer, const Rows& rows, const Panels& next) {
    const Together how{*this};
    attentionOutput(how, layer, rows);
    for (int first = 0; first < rows.count; first += kBlockRows) {
      const int left = rows.count - first, count = std::min(kBlockRows, left);
      feedForward(how, layer, some(rows, first, count), scratches[thread],
                  left > count ? panelsOf(layer.expand, std::min(left - count, kBlockRows)) : next);
    }
    normalise(how, layer.outputNorm, rows, rows.context);
  }

  // Each head's products and then its attention, while a core still has what they gave in its second-level cache.
  // @param next what is multiplied after it
  void fullLayer(const Layer& layer, const Panels& next) {
    const Panels panels = panelsOfHeads(layer), then = panelsOf(layer.attentionOutput, pack.tokens);
    team.share(panels.chunks(), thread, [&](const Team::Turn& turn) {
      Scratch* const scratch = scratchOf(turn.thread);
      if (!scratch) return;
      const int from = panels.firstOf(turn.chunk) * kPanelColumns, end = panels.endOf(turn.chunk) * kPanelColumns;
      for (int output = from; output < end; output += headStride) {
        const Linear head = outputsOf(layer.queryKeyValue, output, headStride);
        const int8_t* const after = output + headStride < end ? head.panels + (size_t)headStride * head.inputs : panelAfter(panels, turn, then);
        project(head, at.quantised.get(), at.scales.get(), pack.tokens, scratch->queryKeyValue.get(), headStride, after);
        attendTexts(output / headStride, *scratch);
      }
    });
    afterAttention(layer, allRows(), next);
  }

  // Some heads of some texts, whose first tokens attend together.
  struct Group {
    int head, heads;  // at most kHeadsTogether
    int text, texts;  // at most kTextsTogether
  };

  Linear absorbOf(int head) {
    const int outputs = absorbedColumns(network);
    return outputsOf(network.firstToken.absorb, head * outputs, outputs);
  }
  Linear valuesOf(int head) { return outputsOf(network.firstToken.values, head * columns, columns); }

  // Where a group's absorbed queries lie, and then its means: [heads, kTextsTogether, stride]
  float* absorbedOf(const Scratch& scratch, int head, int text) { return scratch.absorbed.get() + ((size_t)head * kTextsTogether + text) * stride; }

  // First rows → queries → what the rows of their texts are multiplied with.
  void absorbQueries(const Group& group, Scratch& scratch) {
    const Linear queries = outputsOf(network.firstToken.queries, group.head * columns, group.heads * columns);
    const int widthStride = network.firstToken.absorb.inputs;
    project(queries, at.firstQuantised.get() + (size_t)group.text * quantisedStride, at.firstScales.get() + group.text, group.texts, scratch.queries.get(),
            queries.outputs, absorbOf(group.head).panels);
    for (int i = 0; i < group.heads; i++) {
      const int head = group.head + i;
      kernels.quantise(scratch.queries.get() + i * columns, headWidth, queries.outputs, group.texts, scratch.quantisedQueries.get(), widthStride,
                       scratch.firstScales.get());
      project(absorbOf(head), scratch.quantisedQueries.get(), scratch.firstScales.get(), group.texts, absorbedOf(scratch, i, 0), stride,
              i + 1 < group.heads ? absorbOf(head + 1).panels : valuesOf(group.head).panels);
    }
  }

  // Weighted means of rows → context.
  // @param after what is multiplied after it
  void valuesOfMeans(const Group& group, Scratch& scratch, const int8_t* after) {
    for (int i = 0; i < group.heads; i++) {
      const int head = group.head + i;
      kernels.quantise(absorbedOf(scratch, i, 0), hidden, stride, group.texts, scratch.quantisedMeans.get(), quantisedStride, scratch.firstScales.get());
      project(valuesOf(head), scratch.quantisedMeans.get(), scratch.firstScales.get(), group.texts, scratch.queries.get(), columns,
              i + 1 < group.heads ? valuesOf(head + 1).panels : after);
      for (int text = 0; text < group.texts; text++) {
        std::copy_n(scratch.queries.get() + text * columns, headWidth, at.context.get() + (size_t)(group.text + text) * stride + head * headWidth);
      }
    }
  }

  // @param after what is multiplied after it
  void attendFirst(const Group& group, Scratch& scratch, const int8_t* after) {
    absorbQueries(group, scratch);
    for (int i = 0; i < group.texts; i++) {
      const int text = group.text + i;
      kernels.attendFirst({at.x.get() + (size_t)at.starts[text] * stride, pack.lengths[text], hidden, stride, group.heads, absorbedOf(scratch, 0, i),
                           (size_t)kTextsTogether * stride, scratch.scores.get()});
    }
    valuesOfMeans(group, scratch, after);
  }

  // The head reads nothing but the first token ([CLS]), so the last layer is computed for it alone, one row a text.
  void lastLayer(const Layer& layer) {
    for (int text = 0; text < pack.texts; text++) {
      const size_t from = at.starts[text];
      std::copy_n(at.x.get() + from * stride, stride, at.firstX.get() + (size_t)text * stride);
      std::copy_n(at.quantised.get() + from * quantisedStride, quantisedStride, at.firstQuantised.get() + (size_t)text * quantisedStride);
      at.firstScales[text] = at.scales[from];
    }
    const int64_t productsOfHead = (int64_t)pack.texts * 3 * quantisedStride * columns + (int64_t)pack.tokens * 2 * stride * kBytesInFloat;
    const int some = chunkSizeOf(network.heads, productsOfHead);
    const Panels next = panelsOf(layer.attentionOutput, pack.texts);
    team.share(chunksOf(network.heads, some), thread, [&](const Team::Turn& turn) {
      Scratch* const scratch = scratchOf(turn.thread);
      if (!scratch) return;
      const int end = std::min((turn.chunk + 1) * some, network.heads);
      for (int head = turn.chunk * some, after; head < end; head = after) {
        after = std::min(head + kHeadsTogether, end);
        const int8_t* const then = after < end ? network.firstToken.queries.panels + (size_t)after * columns * quantisedStride : next.ofChunk(0);
        for (int text = 0; text < pack.texts; text += kTextsTogether) {
          attendFirst({head, after - head, text, std::min(kTextsTogether, pack.texts - text)}, *scratch, then);
        }
      }
    });
    afterAttention(layer, firstRows(), {});
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

void Workspace::reserve(const Network& network, int tokens) {
  // Rows serve as inputs and as outputs, and the step of the inputs is a multiple of a panel.
  static_assert(kInputStep % kPanelColumns == 0);
  const int width = roundUp(network.hidden, kInputStep);
  if (tokens <= tokens_ && width <= width_) return;
  tokens_ = std::max(tokens, tokens_);
  width_ = std::max(width, width_);
  const size_t rows = tokens_ + kSpareRows;
  for (Array<float>* floats : {&x, &context, &firstX, &pooled}) *floats = zeroed<float>(rows * width_);
  for (Array<uint8_t>* bytes : {&quantised, &quantisedContext, &firstQuantised}) *bytes = zeroed<uint8_t>(rows * width_);
  for (Array<float>* floats : {&scales, &contextScales, &firstScales}) *floats = zeroed<float>(rows);
  places = zeroed<int32_t>(rows);
}

void Scratch::reserve(const Network& network, const Kernels& kernels, int tokens) {
  const int inner = roundUp(network.intermediate, kInputStep);
  if (inner > inner_) {
    constexpr size_t rows = kBlockRows + kSpareRows;
    expanded = zeroed<float>(rows * inner);
    quantisedExpanded = zeroed<uint8_t>(rows * inner);
    expandedScales = zeroed<float>(rows);
    largest = zeroed<float>((size_t)inner / kPanelColumns * kBlockRows);
    inner_ = inner;
  }
  const int columns = headColumns(network);
  if (tokens > tokens_ || columns > columns_) {
    tokens_ = std::max(tokens, tokens_);
    columns_ = std::max(columns, columns_);
    queryKeyValue = zeroed<float>((size_t)(tokens_ + kSpareRows) * 3 * columns_);
  }
  const size_t bytes = kernels.attentionScratchBytes(network.maxTokens, network.hidden / network.heads);
  if (bytes > attentionBytes_) {
    attention = zeroed<char>(bytes);
    attentionBytes_ = bytes;
  }
  reserveForFirst(network);
}

void Scratch::reserveForFirst(const Network& network) {
  const int hidden = roundUp(network.hidden, kInputStep), columns = headColumns(network);
  if (hidden <= hidden_ && columns <= firstColumns_ && network.maxTokens <= longest_) return;
  hidden_ = std::max(hidden, hidden_);
  firstColumns_ = std::max(columns, firstColumns_);
  longest_ = std::max(network.maxTokens, longest_);
  constexpr size_t rows = kTextsTogether + kSpareRows;
  queries = zeroed<float>(rows * kHeadsTogether * firstColumns_);
  quantisedQueries = zeroed<uint8_t>(rows * roundUp(firstColumns_, kInputStep));
  absorbed = zeroed<float>((size_t)kHeadsTogether * kTextsTogether * hidden_);
  quantisedMeans = zeroed<uint8_t>(rows * hidden_);
  firstScales = zeroed<float>(rows);
  scores = zeroed<float>((size_t)kHeadsTogether * roundUp(longest_, kLaneColumns));
}

void runPass(const Network& network, const Kernels& kernels, const Pack& pack, Workspace& workspace, std::vector<Scratch>& scratches, Team& team,
             int thread, float* logits) {
  workspace.reserve(network, pack.tokens);
  scratches[thread].reserve(network, kernels, pack.tokens);
  Pass pass{network, kernels, pack, workspace, scratches, team, thread};
  pass.embed();
  const Layer* const last = network.layers + network.layerCount - 1;
  for (const Layer* layer = network.layers; layer < last; layer++) {
    pass.fullLayer(*layer, layer + 1 < last ? pass.panelsOfHeads(layer[1]) : pass.panelsOf(network.firstToken.queries, pack.texts));
  }
  pass.lastLayer(*last);
  pass.head(logits);
  if (pass.outOfMemory) throw std::bad_alloc();
}

}  // namespace valence
