// For instruction sets whose tile() hands on its sums as they are in registers: storeTile(). Included after it.
#pragma once

namespace {

// Not inlined: a head of a short text is attended to in less time than it takes to fetch code of its own for each product.
__attribute__((noinline)) void storeTile(const uint8_t* input, size_t stride, int rows, const int8_t* panel, int inputs, const int32_t* starts,
                                         Ahead ahead, int32_t* sums) {
  tile(input, stride, rows, panel, inputs, starts, ahead, [&](int row, int column, Ints some) __attribute__((always_inline)) {
    storeInts(sums + row * kPanelColumns + column, some);
  });
}

}  // namespace
