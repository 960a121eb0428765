// AVX-512 with VNNI: `vpdpbusd` multiplies four u8 by four s8 and adds them to 32 bits, 16 times at once.
#include "kernels.hpp"

#if defined(__AVX512VNNI__) && defined(__AVX512DQ__) && defined(__AVX512BW__)
#include "lanes-avx512.hpp"
#include "rows.hpp"

namespace {

// 12 rows by 32 columns are 24 accumulators; with 2 registers of weights and 6 of inputs that is all 32. Twice as many
// columns by half as many rows would read twice the weights from the second-level cache, which is too slow for two
// multiplications a cycle.
constexpr int kTileRows = 12;
// The loop below is unrolled by 4 steps of 4 inputs.
constexpr int kAttentionStep = 16;

// Rows shared out evenly, since a tile of one row takes as long as a tile of four: its sums wait for each other.
inline int rowsOfTile(int left) {
  const int tiles = (left + kTileRows - 1) / kTileRows;
  return (left + tiles - 1) / tiles;
}

inline void beginTiles() {}
inline void endTiles() {}

// In assembly, because GCC 12 spills the accumulators of the same loop written with intrinsics, at half the speed.
// Registers: zmm0–1 weights, zmm2–7 inputs of a row, zmm8–31 accumulators, two a row.
#define DOTS(in, a, b) "vpdpbusd %%zmm0, %%zmm" in ", %%zmm" a "\n vpdpbusd %%zmm1, %%zmm" in ", %%zmm" b "\n"
#define ROW0(at) "vpbroadcastd " at "(%[x]), %%zmm2\n" DOTS("2", "8", "9")
#define ROW1(at) "vpbroadcastd " at "(%[x],%[s]), %%zmm3\n" DOTS("3", "10", "11")
#define ROW2(at) "vpbroadcastd " at "(%[x],%[s],2), %%zmm4\n" DOTS("4", "12", "13")
#define ROW3(at) "vpbroadcastd " at "(%[y]), %%zmm5\n" DOTS("5", "14", "15")
#define ROW4(at) "vpbroadcastd " at "(%[y],%[s]), %%zmm6\n" DOTS("6", "16", "17")
#define ROW5(at) "vpbroadcastd " at "(%[y],%[s],2), %%zmm7\n" DOTS("7", "18", "19")
#define ROW6(at) "vpbroadcastd " at "(%[z]), %%zmm2\n" DOTS("2", "20", "21")
#define ROW7(at) "vpbroadcastd " at "(%[z],%[s]), %%zmm3\n" DOTS("3", "22", "23")
#define ROW8(at) "vpbroadcastd " at "(%[z],%[s],2), %%zmm4\n" DOTS("4", "24", "25")
#define ROW9(at) "vpbroadcastd " at "(%[v]), %%zmm5\n" DOTS("5", "26", "27")
#define ROW10(at) "vpbroadcastd " at "(%[v],%[s]), %%zmm6\n" DOTS("6", "28", "29")
#define ROW11(at) "vpbroadcastd " at "(%[v],%[s],2), %%zmm7\n" DOTS("7", "30", "31")
#define ROWS1(at) ROW0(at)
#define ROWS2(at) ROWS1(at) ROW1(at)
#define ROWS3(at) ROWS2(at) ROW2(at)
#define ROWS4(at) ROWS3(at) ROW3(at)
#define ROWS5(at) ROWS4(at) ROW4(at)
#define ROWS6(at) ROWS5(at) ROW5(at)
#define ROWS7(at) ROWS6(at) ROW6(at)
#define ROWS8(at) ROWS7(at) ROW7(at)
#define ROWS9(at) ROWS8(at) ROW8(at)
#define ROWS10(at) ROWS9(at) ROW9(at)
#define ROWS11(at) ROWS10(at) ROW10(at)
#define ROWS12(at) ROWS11(at) ROW11(at)
#define WEIGHTS(a, b) "vmovdqu64 " a "(%[w]), %%zmm0\n vmovdqu64 " b "(%[w]), %%zmm1\n"
// Cache lines of the next panel, among the four steps of a round: 8 are all that this round reads of its own.
#define LINE(at) "prefetcht1 " at "(%[n])\n"
#define FETCH0(step)
#define FETCH1(step) FETCH1_##step
#define FETCH1_0 LINE("0")
#define FETCH1_1
#define FETCH1_2
#define FETCH1_3
#define FETCH3(step) FETCH3_##step
#define FETCH3_0 LINE("0")
#define FETCH3_1 LINE("64")
#define FETCH3_2 LINE("128")
#define FETCH3_3
#define FETCH8(step) FETCH8_##step
#define FETCH8_0 LINE("0") LINE("64")
#define FETCH8_1 LINE("128") LINE("192")
#define FETCH8_2 LINE("256") LINE("320")
#define FETCH8_3 LINE("384") LINE("448")
#define START(a, b) "vmovdqu64 (%[b]), %%zmm" a "\n vmovdqu64 64(%[b]), %%zmm" b "\n"
#define START1 START("8", "9")
#define START2 START1 START("10", "11")
#define START3 START2 START("12", "13")
#define START4 START3 START("14", "15")
#define START5 START4 START("16", "17")
#define START6 START5 START("18", "19")
#define START7 START6 START("20", "21")
#define START8 START7 START("22", "23")
#define START9 START8 START("24", "25")
#define START10 START9 START("26", "27")
#define START11 START10 START("28", "29")
#define START12 START11 START("30", "31")
#define SAVE(at, then, a, b) "vmovdqa64 %%zmm" a ", " at "(%[o])\n vmovdqa64 %%zmm" b ", " then "(%[o])\n"
#define SAVE1 SAVE("0", "64", "8", "9")
#define SAVE2 SAVE1 SAVE("128", "192", "10", "11")
#define SAVE3 SAVE2 SAVE("256", "320", "12", "13")
#define SAVE4 SAVE3 SAVE("384", "448", "14", "15")
#define SAVE5 SAVE4 SAVE("512", "576", "16", "17")
#define SAVE6 SAVE5 SAVE("640", "704", "18", "19")
#define SAVE7 SAVE6 SAVE("768", "832", "20", "21")
#define SAVE8 SAVE7 SAVE("896", "960", "22", "23")
#define SAVE9 SAVE8 SAVE("1024", "1088", "24", "25")
#define SAVE10 SAVE9 SAVE("1152", "1216", "26", "27")
#define SAVE11 SAVE10 SAVE("1280", "1344", "28", "29")
#define SAVE12 SAVE11 SAVE("1408", "1472", "30", "31")
#define REGISTERS                                                                                              \
  "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",   \
      "xmm13", "xmm14", "xmm15", "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23",       \
      "xmm24", "xmm25", "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31"
#define LOOP(START_ALL, ROWS, LINES, SAVE_ALL)                                                                 \
  asm volatile(START_ALL                                                                                       \
               ".p2align 5\n1:\n"                                                                              \
               WEIGHTS("0", "64") FETCH##LINES(0) ROWS("0")                                                    \
               WEIGHTS("128", "192") FETCH##LINES(1) ROWS("4")                                                 \
               WEIGHTS("256", "320") FETCH##LINES(2) ROWS("8")                                                 \
               WEIGHTS("384", "448") FETCH##LINES(3) ROWS("12")                                                \
               "add $512, %[w]\n add $64*" #LINES ", %[n]\n"                                                   \
               "add $16, %[x]\n add $16, %[y]\n add $16, %[z]\n add $16, %[v]\n dec %[k]\n jnz 1b\n"           \
               SAVE_ALL                                                                                        \
               : [x] "+r"(x), [y] "+r"(y), [z] "+r"(z), [v] "+r"(v), [w] "+r"(w), [n] "+r"(n), [k] "+r"(steps) \
               : [s] "r"(stride), [o] "r"(sums), [b] "r"(starts)                                               \
               : "memory", "cc", REGISTERS)

void tile(const uint8_t* input, size_t stride, int rows, const int8_t* panel, int inputs, const int32_t* starts, Ahead ahead, int32_t* sums) {
  const uint8_t *x = input, *y = input + 3 * stride, *z = input + 6 * stride, *v = input + 9 * stride;
  const int8_t *w = panel, *n = ahead.at;
  long steps = inputs / 16;
#define CASE(count)                                                                                            \
  case count:                                                                                                  \
    if (ahead.lines == 0) LOOP(START##count, ROWS##count, 0, SAVE##count);                                     \
    else if (ahead.lines == 1) LOOP(START##count, ROWS##count, 1, SAVE##count);                                \
    else if (ahead.lines == 3) LOOP(START##count, ROWS##count, 3, SAVE##count);                                \
    else LOOP(START##count, ROWS##count, 8, SAVE##count);                                                      \
    return;
  switch (rows) {
    CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12)
  }
}

}  // namespace

#include "linear.hpp"
#include "attention.hpp"

const valence::Kernels* valence::avx512VnniKernels() {
  static const Kernels kernels = {"avx512-vnni", linear, attentionScratchBytes, attention, normalise, quantise, embed, dense};
  return &kernels;
}
#else
const valence::Kernels* valence::avx512VnniKernels() { return nullptr; }
#endif
