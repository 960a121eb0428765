#include "model.hpp"

#include <cmath>
#include <cstring>

namespace valence {

namespace {

// A float in 16 bits (IEEE 754's binary16), to the nearest, ties to even; what is too large is as large as can be.
uint16_t halfOf(float value) {
  constexpr float kLargest = 65504, kSmallestNormal = 1.0f / (1 << 14), kSteps = 1 << 24;
  constexpr uint32_t kExponents = 112u << 10;  // a float's exponent starts at -127, a half's at -15
  const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  const float size = std::fabs(value);
  if (std::isnan(value)) return 0x7e00;
  if (size >= kLargest) return sign | 0x7bff;
  if (size < kSmallestNormal) return sign | (uint16_t)std::lrint(size * kSteps);
  uint32_t bits;
  memcpy(&bits, &size, sizeof bits);
  return sign | (uint16_t)(((bits + 0xfff + (bits >> 13 & 1)) >> 13) - kExponents);
}

size_t panelBytes(const QuantisedMatrix& matrix, int outputs) { return (size_t)roundUp(matrix.columns, kInputStep) * outputs; }

int outputsOf(const QuantisedMatrix& matrix) { return roundUp(matrix.rows, kPanelColumns); }

size_t panelBytes(const QuantisedMatrix& matrix) { return panelBytes(matrix, outputsOf(matrix)); }

}  // namespace

// All panels lie in one piece, in the order in which a pass reads them: on huge pages, where no page has to be looked up.
Model::Model(const Network& network, const std::vector<QuantisedLayer>& layers, const FloatMatrix& headDense, const FloatMatrix& classifier)
    : network_(network) {
  network_.headDense = halved(headDense);
  network_.classifier = halved(classifier);
  const int columns = headColumns(network), width = network.hidden / network.heads, attended = 3 * network.heads * columns;
  size_t total = 0;
  for (const QuantisedLayer& layer : layers) {
    total += panelBytes(layer.queryKeyValue, attended) + panelBytes(layer.attentionOutput) + panelBytes(layer.expand) + panelBytes(layer.contract);
  }
  panels_ = zeroed<int8_t>(total);
  int8_t* at = panels_.get();
  const auto nextTo = [&](const QuantisedMatrix& matrix, int outputs, auto&& outputOf) {
    int8_t* const panels = at;
    at += panelBytes(matrix, outputs);
    return pack(matrix, outputs, panels, outputOf);
  };
  const auto next = [&](const QuantisedMatrix& matrix) { return nextTo(matrix, outputsOf(matrix), [](int row) { return row; }); };
  // The rows are all heads' queries, then all keys, then all values.
  const auto byHead = [&](int row) {
    const int part = row / network.hidden, head = row % network.hidden / width;
    return (3 * head + part) * columns + row % width;
  };
  for (const QuantisedLayer& layer : layers) {
    layers_.push_back({nextTo(layer.queryKeyValue, attended, byHead), next(layer.attentionOutput), next(layer.expand), next(layer.contract),
                       layer.attentionNorm, layer.outputNorm});
  }
  network_.layers = layers_.data();
  network_.layerCount = (int)layers_.size();
}

// [rows, columns] → panels of 32 rows, in which four columns of a row lie together: [rows / 32][columns / 4][32][4].
template <typename Function>
Linear Model::pack(const QuantisedMatrix& matrix, int outputs, int8_t* panels, Function&& outputOf) {
  Linear linear;
  linear.inputs = roundUp(matrix.columns, kInputStep);
  linear.outputs = outputs;
  linear.panels = panels;
  floats_.push_back(zeroed<float>(linear.outputs));
  linear.scales = floats_.back().get();
  floats_.push_back(zeroed<float>(linear.outputs));
  linear.bias = floats_.back().get();
  integers_.push_back(zeroed<int32_t>(linear.outputs));
  linear.starts = integers_.back().get();
  for (int row = 0; row < matrix.rows; row++) {
    const int output = outputOf(row);
    linear.scales[output] = matrix.scales[row];
    linear.bias[output] = matrix.bias[row];
    const int8_t* from = matrix.weights + (size_t)row * matrix.columns;
    int8_t* to = linear.panels + (size_t)(output / kPanelColumns) * linear.inputs * kPanelColumns + output % kPanelColumns * 4;
    int32_t sum = 0;
    int column = 0;
    for (; column + 4 <= matrix.columns; column += 4) {
      memcpy(to + (size_t)column * kPanelColumns, from + column, 4);
      sum += from[column] + from[column + 1] + from[column + 2] + from[column + 3];
    }
    for (; column < matrix.columns; column++) {
      to[(size_t)(column & ~3) * kPanelColumns + (column & 3)] = from[column];
      sum += from[column];
    }
    linear.starts[output] = -kZeroPoint * sum;
  }
  return linear;
}

FloatLinear Model::halved(const FloatMatrix& matrix) {
  halves_.push_back(zeroed<uint16_t>((size_t)roundUp(matrix.rows, kLaneColumns) * matrix.columns));
  uint16_t* const weights = halves_.back().get();
  for (int row = 0; row < matrix.rows; row++) {
    const float* const from = matrix.weights + (size_t)row * matrix.columns;
    uint16_t* const to = weights + (size_t)(row / kLaneColumns) * matrix.columns * kLaneColumns + row % kLaneColumns;
    for (int column = 0; column < matrix.columns; column++) to[(size_t)column * kLaneColumns] = halfOf(from[column]);
  }
  return {matrix.columns, matrix.rows, weights, matrix.bias};
}

}  // namespace valence
