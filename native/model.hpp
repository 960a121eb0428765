// A network in memory of its own, packed for the kernels.
#pragma once
#include <vector>
#include "memory.hpp"
#include "network.hpp"

namespace valence {

// A matrix as it comes: rows are outputs.
struct QuantisedMatrix {
  int rows = 0, columns = 0;
  const int8_t* weights = nullptr;  // [rows, columns]
  const float* scales = nullptr;    // [rows]
  const float* bias = nullptr;      // [rows]
};

struct FloatMatrix {
  int rows = 0, columns = 0;
  const float* weights = nullptr;  // [rows, columns]
  const float* bias = nullptr;     // [rows]
};

struct QuantisedLayer {
  QuantisedMatrix queryKeyValue, attentionOutput, expand, contract;
  Norm attentionNorm, outputNorm;
};

// Owns what it packed; float tables and word embeddings stay where they came from, which must outlive it.
class Model {
 public:
  // `network` is complete but for its layers and its head.
  Model(const Network& network, const std::vector<QuantisedLayer>& layers, const FloatMatrix& headDense, const FloatMatrix& classifier);
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  const Network& network() const { return network_; }

 private:
  // `panels` has room for them, zeroed. Row r of the matrix becomes output outputOf(r) of `outputs`.
  template <typename Function>
  Linear pack(const QuantisedMatrix& matrix, int outputs, int8_t* panels, Function&& outputOf);

  // The last layer's queries, keys and values, packed by `next` as the other matrices are.
  template <typename Next>
  FirstTokenAttention absorbKeys(const QuantisedMatrix& queryKeyValue, Next&& next);

  FloatLinear halved(const FloatMatrix& matrix);

  Network network_;
  std::vector<Layer> layers_;
  Array<int8_t> panels_;
  std::vector<Array<float>> floats_;
  std::vector<Array<int32_t>> integers_;
  std::vector<Array<uint16_t>> halves_;
};

}  // namespace valence
