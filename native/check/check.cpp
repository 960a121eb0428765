// Runs the kernels on random networks of odd shapes, and compares every instruction set and way of packing, bit for bit.
// It is built with sanitizers by test/native. Prints one line a shape; ends with 1 where two results differ.
#include <cstdio>
#include <future>
#include <random>
#include <string>

#include "../instruction-set.hpp"
#include "../pool.hpp"

using namespace valence;

namespace {

struct Shape {
  int hidden, heads, intermediate, layers, labels, maxTokens;
  bool types;
  HeadActivation head;
};

// All of a random network's arrays.
struct Source {
  std::mt19937 random;
  std::vector<std::vector<float>> floats;
  std::vector<std::vector<int8_t>> bytes;

  const float* some(size_t count, float around, float spread) {
    std::normal_distribution<float> normal(around, spread);
    floats.emplace_back(count);
    for (float& value : floats.back()) value = normal(random);
    return floats.back().data();
  }
  const int8_t* weights(size_t count) {
    std::uniform_int_distribution<int> any(-127, 127);
    bytes.emplace_back(count);
    for (int8_t& value : bytes.back()) value = (int8_t)any(random);
    return bytes.back().data();
  }
  QuantisedMatrix matrix(int rows, int columns) {
    return {rows, columns, weights((size_t)rows * columns), some(rows, 0.0005f, 0.0001f), some(rows, 0, 0.1f)};
  }
  Norm norm(int width) { return {some(width, 1, 0.1f), some(width, 0, 0.1f)}; }
};

constexpr int kVocabulary = 200;

std::shared_ptr<const Model> randomModel(const Shape& shape, Source& source) {
  Network network;
  network.hidden = shape.hidden;
  network.heads = shape.heads;
  network.intermediate = shape.intermediate;
  network.labels = shape.labels;
  network.maxTokens = shape.maxTokens;
  network.vocabulary = kVocabulary;
  network.epsilon = 1e-12f;
  network.words = source.weights((size_t)kVocabulary * shape.hidden);
  network.wordScales = source.some(kVocabulary, 0.01f, 0.001f);
  network.positions = source.some((size_t)shape.maxTokens * shape.hidden, 0, 0.3f);
  if (shape.types) network.types = source.some((size_t)2 * shape.hidden, 0, 0.3f);
  network.embeddingNorm = source.norm(shape.hidden);
  const FloatMatrix headDense = {shape.hidden, shape.hidden, source.some((size_t)shape.hidden * shape.hidden, 0, 0.05f), source.some(shape.hidden, 0, 0.1f)};
  const FloatMatrix classifier = {shape.labels, shape.hidden, source.some((size_t)shape.labels * shape.hidden, 0, 0.1f), source.some(shape.labels, 0, 0.1f)};
  network.headActivation = shape.head;
  std::vector<QuantisedLayer> layers;
  for (int i = 0; i < shape.layers; i++) {
    layers.push_back({source.matrix(3 * shape.hidden, shape.hidden), source.matrix(shape.hidden, shape.hidden),
                      source.matrix(shape.intermediate, shape.hidden), source.matrix(shape.hidden, shape.intermediate),
                      source.norm(shape.hidden), source.norm(shape.hidden)});
  }
  return std::make_shared<const Model>(network, layers, headDense, classifier);
}

struct Text {
  std::vector<int32_t> ids, types;
};

std::future<std::vector<float>> submit(Pool& pool, const std::shared_ptr<const Model>& model, const std::vector<Text>& texts) {
  auto job = std::make_unique<Job>();
  job->model = model;
  for (const Text& text : texts) {
    job->lengths.push_back((int)text.ids.size());
    job->ids.insert(job->ids.end(), text.ids.begin(), text.ids.end());
    job->typeIds.insert(job->typeIds.end(), text.types.begin(), text.types.end());
  }
  auto promise = std::make_shared<std::promise<std::vector<float>>>();
  job->done = [promise](std::unique_ptr<Job> done) { promise->set_value(std::move(done->logits)); };
  auto future = promise->get_future();
  pool.submit(std::move(job));
  return future;
}

std::vector<Text> randomTexts(const Shape& shape, std::mt19937& random) {
  const int lengths[] = {1, 2, 3, 15, 16, 17, 31, 33, 63, 64, 65, 97, shape.maxTokens};
  std::vector<Text> texts;
  for (int length : lengths) {
    if (length > shape.maxTokens) continue;
    Text text;
    for (int i = 0; i < length; i++) {
      text.ids.push_back((int)(random() % kVocabulary));
      text.types.push_back(i > length / 2);
    }
    texts.push_back(text);
  }
  return texts;
}

}  // namespace

int main() {
  const Shape shapes[] = {
      {768, 12, 3072, 1, 2, 128, false, HeadActivation::relu}, {384, 12, 1536, 2, 2, 130, true, HeadActivation::tanh},
      {96, 3, 200, 3, 5, 100, true, HeadActivation::tanh},     {40, 1, 72, 2, 1, 70, false, HeadActivation::relu},
      {60, 5, 100, 1, 3, 50, true, HeadActivation::tanh},      {272, 2, 300, 2, 7, 80, false, HeadActivation::relu},
  };
  bool same = true;
  for (const Shape& shape : shapes) {
    Source source{std::mt19937(shape.hidden), {}, {}};
    const auto model = randomModel(shape, source);
    const auto texts = randomTexts(shape, source.random);
    std::vector<float> expected;
    std::string names;
    for (const Kernels* kernels : availableKernels()) {
      names += std::string(" ") + kernels->name;
      for (const int threads : {1, 3}) {
        Pool pool(*kernels, threads, true);
        std::vector<std::future<std::vector<float>>> alone;
        for (const Text& text : texts) alone.push_back(submit(pool, model, {text}));
        std::vector<float> one;
        for (auto& future : alone)
          for (const float logit : future.get()) one.push_back(logit);
        const std::vector<float> together = submit(pool, model, texts).get();
        if (expected.empty()) expected = one;
        if (one != expected || together != expected) {
          printf("%s with %d threads differs\n", kernels->name, threads);
          same = false;
        }
      }
    }
    printf("hidden %d, heads %d, intermediate %d: %zu texts,%s\n", shape.hidden, shape.heads, shape.intermediate, texts.size(), names.c_str());
  }
  return same ? 0 : 1;
}
