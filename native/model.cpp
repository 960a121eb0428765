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

// See FirstTokenAttention.
size_t firstTokenBytes(const Network& network) {
  const size_t inputs = roundUp(network.hidden, kInputStep), width = roundUp(network.hidden / network.heads, kInputStep);
  return network.heads * (2 * headColumns(network) * inputs + absorbedColumns(network) * width);
}

// Some rows of a matrix.
QuantisedMatrix rowsOf(const QuantisedMatrix& matrix, int first, int count) {
  return {count, matrix.columns, matrix.weights + (size_t)first * matrix.columns, matrix.scales + first, matrix.bias + first};
}

// [heads · width, columns] → [heads, columns, width]
std::vector<int8_t> turnedByHead(const QuantisedMatrix& matrix, int width) {
  std::vector<int8_t> turned((size_t)matrix.rows * matrix.columns);
  for (int row = 0; row < matrix.rows; row++) {
    const int8_t* const from = matrix.weights + (size_t)row * matrix.columns;
    int8_t* const to = turned.data() + (size_t)(row / width) * matrix.columns * width + row % width;
    for (int i = 0; i < matrix.columns; i++) to[(size_t)i * width] = from[i];
  }
  return turned;
}

}  // namespace

// All panels lie in one piece, in the order in which a pass reads them: on huge pages, where no page has to be looked up.
Model::Model(const Network& network, const std::vector<QuantisedLayer>& layers, const FloatMatrix& headDense, const FloatMatrix& classifier)
    : network_(network) {
  network_.headDense = halved(headDense);
  network_.classifier = halved(classifier);
  const int columns = headColumns(network), width = network.hidden / network.heads, attended = 3 * network.heads * columns;
  size_t total = 0;
  const QuantisedLayer* const last = &layers.back();
  for (const QuantisedLayer& layer : layers) {
    total += &layer == last ? firstTokenBytes(network) : panelBytes(layer.queryKeyValue, attended);
    total += panelBytes(layer.attentionOutput) + panelBytes(layer.expand) + panelBytes(layer.contract);
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
    Linear queryKeyValue;
    if (&layer == last) network_.firstToken = absorbKeys(layer.queryKeyValue, nextTo);
    else queryKeyValue = nextTo(layer.queryKeyValue, attended, byHead);
    layers_.push_back({queryKeyValue, next(layer.attentionOutput), next(layer.expand), next(layer.contract), layer.attentionNorm, layer.outputNorm});
  }
  network_.layers = layers_.data();
  network_.layerCount = (int)layers_.size();
}

// score = log2 e / √width · Σ q[d] · (scale[d] · Σ weights[d, i] · x[i]) = Σ absorbed[i] · x[i], where absorbed[i] = Σ weights[d, i] · (scale[d] · q[d]) · log2 e / √width.
template <typename Next>
FirstTokenAttention Model::absorbKeys(const QuantisedMatrix& queryKeyValue, Next&& next) {
  const int hidden = network_.hidden, width = hidden / network_.heads, columns = headColumns(network_), absorbed = absorbedColumns(network_);
  const QuantisedMatrix keys = rowsOf(queryKeyValue, hidden, hidden);
  const auto byHead = [&](int row) { return row / width * columns + row % width; };

  QuantisedMatrix queries = rowsOf(queryKeyValue, 0, hidden);
  std::vector<float> scales(hidden), bias(hidden);
  for (int row = 0; row < hidden; row++) {
    scales[row] = queries.scales[row] * keys.scales[row];
    bias[row] = queries.bias[row] * keys.scales[row];
  }
  queries.scales = scales.data();
  queries.bias = bias.data();

  const std::vector<int8_t> turned = turnedByHead(keys, width);
  const int turnedRows = network_.heads * hidden;
  const std::vector<float> overRoot(turnedRows, kLog2OfE / std::sqrt((float)width)), none(turnedRows, 0.0f);

  FirstTokenAttention packed;
  packed.queries = next(queries, network_.heads * columns, byHead);
  packed.absorb = next({turnedRows, width, turned.data(), overRoot.data(), none.data()}, network_.heads * absorbed,
                       [&](int row) { return row / hidden * absorbed + row % hidden; });
  packed.values = next(rowsOf(queryKeyValue, 2 * hidden, hidden), network_.heads * columns, byHead);
  return packed;
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
