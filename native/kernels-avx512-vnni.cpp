// AVX-512 with VNNI: `vpdpbusd` multiplies four u8 by four s8 and adds them to 32 bits, 16 times at once.
#include "kernels.hpp"

#if defined(__AVX512VNNI__) && defined(__AVX512DQ__) && defined(__AVX512BW__)
#include "lanes-avx512.hpp"
#include "rows.hpp"

namespace {

// 6 rows by 64 columns are 24 accumulators; with 4 registers of weights and 4 of inputs that is all 32.
constexpr int kTileRows = 6;
// The loop below is unrolled by 4 steps of 4 inputs.
constexpr int kAttentionStep = 16;

// Rows shared out evenly, since a tile of one row costs nearly as much as a tile of three.
inline int rowsOfTile(int left) {
  const int tiles = (left + kTileRows - 1) / kTileRows;
  return (left + tiles - 1) / tiles;
}

inline void beginTiles() {}
inline void endTiles() {}

// In assembly, because GCC 12 spills the accumulators of the same loop written with intrinsics, at half the speed.
// Registers: zmm0–3 weights, zmm4–7 inputs of a row, zmm8–31 accumulators, four a row.
#define DOTS(in, a, b, c, d)                                                                                   \
  "vpdpbusd %%zmm0, %%zmm" in ", %%zmm" a "\n vpdpbusd %%zmm1, %%zmm" in ", %%zmm" b                           \
  "\n vpdpbusd %%zmm2, %%zmm" in ", %%zmm" c "\n vpdpbusd %%zmm3, %%zmm" in ", %%zmm" d "\n"
#define ROW0(at) "vpbroadcastd " at "(%[x]), %%zmm4\n" DOTS("4", "8", "9", "10", "11")
#define ROW1(at) "vpbroadcastd " at "(%[x],%[s]), %%zmm5\n" DOTS("5", "12", "13", "14", "15")
#define ROW2(at) "vpbroadcastd " at "(%[x],%[s],2), %%zmm6\n" DOTS("6", "16", "17", "18", "19")
#define ROW3(at) "vpbroadcastd " at "(%[y]), %%zmm7\n" DOTS("7", "20", "21", "22", "23")
#define ROW4(at) "vpbroadcastd " at "(%[y],%[s]), %%zmm4\n" DOTS("4", "24", "25", "26", "27")
#define ROW5(at) "vpbroadcastd " at "(%[y],%[s],2), %%zmm5\n" DOTS("5", "28", "29", "30", "31")
#define ROWS1(at) ROW0(at)
#define ROWS2(at) ROWS1(at) ROW1(at)
#define ROWS3(at) ROWS2(at) ROW2(at)
#define ROWS4(at) ROWS3(at) ROW3(at)
#define ROWS5(at) ROWS4(at) ROW4(at)
#define ROWS6(at) ROWS5(at) ROW5(at)
#define WEIGHTS(a, b, c, d)                                                                                    \
  "vmovdqu64 " a "(%[w]), %%zmm0\n vmovdqu64 " b "(%[w]), %%zmm1\n"                                            \
  "vmovdqu64 " c "(%[w]), %%zmm2\n vmovdqu64 " d "(%[w]), %%zmm3\n"
#define FETCH(a, b, c, d)                                                                                      \
  "prefetcht1 " a "(%[n])\n prefetcht1 " b "(%[n])\n prefetcht1 " c "(%[n])\n prefetcht1 " d "(%[n])\n"
#define CLEAR(a, b, c, d)                                                                                      \
  "vpxord %%zmm" a ",%%zmm" a ",%%zmm" a "\n vpxord %%zmm" b ",%%zmm" b ",%%zmm" b "\n"                        \
  "vpxord %%zmm" c ",%%zmm" c ",%%zmm" c "\n vpxord %%zmm" d ",%%zmm" d ",%%zmm" d "\n"
#define SAVE(at, a, b, c, d)                                                                                   \
  "vmovdqa64 %%zmm" a ", 0+" at "(%[o])\n vmovdqa64 %%zmm" b ", 64+" at "(%[o])\n"                             \
  "vmovdqa64 %%zmm" c ", 128+" at "(%[o])\n vmovdqa64 %%zmm" d ", 192+" at "(%[o])\n"
#define CLEAR_ALL                                                                                              \
  CLEAR("8", "9", "10", "11") CLEAR("12", "13", "14", "15") CLEAR("16", "17", "18", "19")                      \
  CLEAR("20", "21", "22", "23") CLEAR("24", "25", "26", "27") CLEAR("28", "29", "30", "31")
#define SAVE1 SAVE("0", "8", "9", "10", "11")
#define SAVE2 SAVE1 SAVE("256", "12", "13", "14", "15")
#define SAVE3 SAVE2 SAVE("512", "16", "17", "18", "19")
#define SAVE4 SAVE3 SAVE("768", "20", "21", "22", "23")
#define SAVE5 SAVE4 SAVE("1024", "24", "25", "26", "27")
#define SAVE6 SAVE5 SAVE("1280", "28", "29", "30", "31")
#define REGISTERS                                                                                              \
  "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",   \
      "xmm13", "xmm14", "xmm15", "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23",       \
      "xmm24", "xmm25", "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31"
#define LOOP(ROWS, FETCH_AHEAD, SAVE_ALL)                                                                      \
  asm volatile(CLEAR_ALL                                                                                       \
               ".p2align 5\n1:\n"                                                                              \
               WEIGHTS("0", "64", "128", "192") FETCH_AHEAD("0", "64", "128", "192") ROWS("0")                 \
               WEIGHTS("256", "320", "384", "448") FETCH_AHEAD("256", "320", "384", "448") ROWS("4")           \
               WEIGHTS("512", "576", "640", "704") FETCH_AHEAD("512", "576", "640", "704") ROWS("8")           \
               WEIGHTS("768", "832", "896", "960") FETCH_AHEAD("768", "832", "896", "960") ROWS("12")          \
               "add $1024, %[w]\n add $1024, %[n]\n add $16, %[x]\n add $16, %[y]\n dec %[k]\n jnz 1b\n"       \
               SAVE_ALL                                                                                        \
               : [x] "+r"(x), [y] "+r"(y), [w] "+r"(w), [n] "+r"(n), [k] "+r"(steps)                           \
               : [s] "r"(stride), [o] "r"(sums)                                                                \
               : "memory", "cc", REGISTERS)
#define NO_FETCH(a, b, c, d)

void tile(const uint8_t* input, size_t stride, int rows, const int8_t* panel, int inputs, const int8_t* next, int32_t* sums) {
  const uint8_t *x = input, *y = input + 3 * stride;
  const int8_t *w = panel, *n = next;
  long steps = inputs / 16;
#define CASE(count)                                                   \
  case count:                                                         \
    if (next) LOOP(ROWS##count, FETCH, SAVE##count);                  \
    else LOOP(ROWS##count, NO_FETCH, SAVE##count);                    \
    return;
  switch (rows) { CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) }
}

}  // namespace

#include "linear.hpp"
#include "attention.hpp"

const valence::Kernels* valence::avx512VnniKernels() {
  static const Kernels kernels = {"avx512-vnni", linear, attentionScratchBytes, attention, normalise, quantise, embed, dot};
  return &kernels;
}
#else
const valence::Kernels* valence::avx512VnniKernels() { return nullptr; }
#endif
