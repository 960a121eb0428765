#include "model.hpp"

#include <algorithm>

namespace valence {

namespace {

size_t panelBytes(const QuantisedMatrix& matrix) {
  return (size_t)roundUp(matrix.columns, kInputStep) * roundUp(matrix.rows, kPanelColumns);
}

size_t panelBytes(const QuantisedLayer& layer) {
  return panelBytes(layer.queryKeyValue) + panelBytes(layer.attentionOutput) + panelBytes(layer.expand) + panelBytes(layer.contract);
}

}  // namespace

// All panels lie in one piece, in the order in which a pass reads them: on huge pages, where no page has to be looked up.
Model::Model(const Network& network, const std::vector<QuantisedLayer>& layers) : network_(network) {
  size_t total = 0;
  for (const QuantisedLayer& layer : layers) total += panelBytes(layer);
  panels_ = zeroed<int8_t>(total);
  int8_t* at = panels_.get();
  const auto next = [&](const QuantisedMatrix& matrix) {
    int8_t* const panels = at;
    at += panelBytes(matrix);
    return pack(matrix, panels);
  };
  for (const QuantisedLayer& layer : layers) {
    layers_.push_back({next(layer.queryKeyValue), next(layer.attentionOutput), next(layer.expand), next(layer.contract),
                       layer.attentionNorm, layer.outputNorm});
  }
  network_.layers = layers_.data();
  network_.layerCount = (int)layers_.size();
}

// [rows, columns] → panels of 32 rows, in which four columns of a row lie together: [rows / 32][columns / 4][32][4].
Linear Model::pack(const QuantisedMatrix& matrix, int8_t* panels) {
  Linear linear;
  linear.inputs = roundUp(matrix.columns, kInputStep);
  linear.outputs = roundUp(matrix.rows, kPanelColumns);
  linear.panels = panels;
  floats_.push_back(zeroed<float>(linear.outputs));
  linear.scales = floats_.back().get();
  floats_.push_back(zeroed<float>(linear.outputs));
  linear.bias = floats_.back().get();
  integers_.push_back(zeroed<int32_t>(linear.outputs));
  linear.offsets = integers_.back().get();
  std::copy_n(matrix.scales, matrix.rows, linear.scales);
  std::copy_n(matrix.bias, matrix.rows, linear.bias);
  for (int row = 0; row < matrix.rows; row++) {
    const int8_t* from = matrix.weights + (size_t)row * matrix.columns;
    int8_t* to = linear.panels + (size_t)(row / kPanelColumns) * linear.inputs * kPanelColumns + row % kPanelColumns * 4;
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
    linear.offsets[row] = kZeroPoint * sum;
  }
  return linear;
}

}  // namespace valence
