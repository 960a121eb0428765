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
// Registers: zmm0–1 weights, zmm2–7 inputs of a row; the accumulators, two a row, are the compiler's to choose, and it goes on with them
// where they are: stored and read again they cost 3% of a product over 768 inputs. rax, rcx, rdx, rsi are rows 0, 3, 6 and 9 of the input,
// rdi the weights, r8 the next panel, r9 the rounds left.
#define DOTS(in, a, b) "vpdpbusd %%zmm0, %%zmm" in ", %[" a "]\n vpdpbusd %%zmm1, %%zmm" in ", %[" b "]\n"
#define ROW0(at) "vpbroadcastd " at "(%%rax), %%zmm2\n" DOTS("2", "a0", "b0")
#define ROW1(at) "vpbroadcastd " at "(%%rax,%[s]), %%zmm3\n" DOTS("3", "a1", "b1")
#define ROW2(at) "vpbroadcastd " at "(%%rax,%[s],2), %%zmm4\n" DOTS("4", "a2", "b2")
#define ROW3(at) "vpbroadcastd " at "(%%rcx), %%zmm5\n" DOTS("5", "a3", "b3")
#define ROW4(at) "vpbroadcastd " at "(%%rcx,%[s]), %%zmm6\n" DOTS("6", "a4", "b4")
#define ROW5(at) "vpbroadcastd " at "(%%rcx,%[s],2), %%zmm7\n" DOTS("7", "a5", "b5")
#define ROW6(at) "vpbroadcastd " at "(%%rdx), %%zmm2\n" DOTS("2", "a6", "b6")
#define ROW7(at) "vpbroadcastd " at "(%%rdx,%[s]), %%zmm3\n" DOTS("3", "a7", "b7")
#define ROW8(at) "vpbroadcastd " at "(%%rdx,%[s],2), %%zmm4\n" DOTS("4", "a8", "b8")
#define ROW9(at) "vpbroadcastd " at "(%%rsi), %%zmm5\n" DOTS("5", "a9", "b9")
#define ROW10(at) "vpbroadcastd " at "(%%rsi,%[s]), %%zmm6\n" DOTS("6", "a10", "b10")
#define ROW11(at) "vpbroadcastd " at "(%%rsi,%[s],2), %%zmm7\n" DOTS("7", "a11", "b11")
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
#define WEIGHTS(a, b) "vmovdqu64 " a "(%%rdi), %%zmm0\n vmovdqu64 " b "(%%rdi), %%zmm1\n"
// Cache lines of the next panel, among the four steps of a round: 8 are all that this round reads of its own. The last parameter says into which caches.
#define INTO_ALL(at) "prefetcht1 " at "(%%r8)\n"
#define PAST_THIRD(at) "prefetchnta " at "(%%r8)\n"
#define FETCH0_0(LINE)
#define FETCH0_1(LINE)
#define FETCH0_2(LINE)
#define FETCH0_3(LINE)
#define FETCH1_0(LINE) LINE("0")
#define FETCH1_1(LINE)
#define FETCH1_2(LINE)
#define FETCH1_3(LINE)
#define FETCH2_0(LINE) LINE("0")
#define FETCH2_1(LINE)
#define FETCH2_2(LINE) LINE("64")
#define FETCH2_3(LINE)
#define FETCH4_0(LINE) LINE("0")
#define FETCH4_1(LINE) LINE("64")
#define FETCH4_2(LINE) LINE("128")
#define FETCH4_3(LINE) LINE("192")
#define FETCH8_0(LINE) LINE("0") LINE("64")
#define FETCH8_1(LINE) LINE("128") LINE("192")
#define FETCH8_2(LINE) LINE("256") LINE("320")
#define FETCH8_3(LINE) LINE("384") LINE("448")
#define START(a, b) "vmovdqu64 (%[starts]), %[" a "]\n vmovdqu64 64(%[starts]), %[" b "]\n"
#define START1 START("a0", "b0")
#define START2 START1 START("a1", "b1")
#define START3 START2 START("a2", "b2")
#define START4 START3 START("a3", "b3")
#define START5 START4 START("a4", "b4")
#define START6 START5 START("a5", "b5")
#define START7 START6 START("a6", "b6")
#define START8 START7 START("a7", "b7")
#define START9 START8 START("a8", "b8")
#define START10 START9 START("a9", "b9")
#define START11 START10 START("a10", "b10")
#define START12 START11 START("a11", "b11")
#define SUMS_OF(row) [a##row] "=&v"(a##row), [b##row] "=&v"(b##row)
#define LOOP(START_ALL, ROWS, LINES, LINE)                                                                     \
  asm volatile(START_ALL                                                                                       \
               "lea (%[s],%[s],2), %%rsi\n mov %[input], %%rax\n lea (%%rax,%%rsi), %%rcx\n"                   \
               "lea (%%rcx,%%rsi), %%rdx\n add %%rdx, %%rsi\n"                                                 \
               "mov %[panel], %%rdi\n mov %[next], %%r8\n mov %[rounds], %%r9\n"                               \
               ".p2align 5\n1:\n"                                                                              \
               WEIGHTS("0", "64") FETCH##LINES##_0(LINE) ROWS("0")                                             \
               WEIGHTS("128", "192") FETCH##LINES##_1(LINE) ROWS("4")                                          \
               WEIGHTS("256", "320") FETCH##LINES##_2(LINE) ROWS("8")                                          \
               WEIGHTS("384", "448") FETCH##LINES##_3(LINE) ROWS("12")                                         \
               "add $512, %%rdi\n add $64*" #LINES ", %%r8\n"                                                  \
               "add $16, %%rax\n add $16, %%rcx\n add $16, %%rdx\n add $16, %%rsi\n dec %%r9\n jnz 1b\n"       \
               : SUMS_OF(0), SUMS_OF(1), SUMS_OF(2), SUMS_OF(3), SUMS_OF(4), SUMS_OF(5),                       \
                 SUMS_OF(6), SUMS_OF(7), SUMS_OF(8), SUMS_OF(9), SUMS_OF(10), SUMS_OF(11)                      \
               : [input] "r"(input), [s] "r"(stride), [panel] "r"(panel), [next] "r"(ahead.at),                \
                 [rounds] "r"(rounds), [starts] "r"(starts)                                                    \
               : "memory", "cc", "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9",                                \
                 "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7")

// Where few rows go by, a pass reads each weight once, and all of them would only drive each other out of the third-level cache. AMD's processors fetch a line
// past it (`prefetchnta`), and a text that comes alone takes 1 to 2% less time; Intel's fetch it into the first alone, which has no room for two panels. A
// pack of many rows is better off with them there, since other packs read them too: it would take 1% longer.
inline bool fetchesPastThird() { return __builtin_cpu_is("amd"); }

template <typename Each>
inline __attribute__((always_inline)) void tile(const uint8_t* input, size_t stride, int rows, const int8_t* panel, int inputs,
                                                const int32_t* starts, Ahead ahead, Each&& each) {
  const long rounds = inputs / 16;
  const bool past = fetchesPastThird();
  __m512i a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, b0, b1, b2, b3, b4, b5, b6, b7, b8, b9, b10, b11;
#define EACH(row) each(row, 0, Ints{a##row}), each(row, 16, Ints{b##row})
#define EACH1 EACH(0);
#define EACH2 EACH1 EACH(1);
#define EACH3 EACH2 EACH(2);
#define EACH4 EACH3 EACH(3);
#define EACH5 EACH4 EACH(4);
#define EACH6 EACH5 EACH(5);
#define EACH7 EACH6 EACH(6);
#define EACH8 EACH7 EACH(7);
#define EACH9 EACH8 EACH(8);
#define EACH10 EACH9 EACH(9);
#define EACH11 EACH10 EACH(10);
#define EACH12 EACH11 EACH(11);
#define CASE(count)                                                                                            \
  case count:                                                                                                  \
    if (ahead.lines == 0) LOOP(START##count, ROWS##count, 0, INTO_ALL);                                        \
    else if (ahead.lines == 1) LOOP(START##count, ROWS##count, 1, INTO_ALL);                                   \
    else if (ahead.lines == 2) LOOP(START##count, ROWS##count, 2, INTO_ALL);                                   \
    else if (ahead.lines == 4 && past) LOOP(START##count, ROWS##count, 4, PAST_THIRD);                         \
    else if (ahead.lines == 4) LOOP(START##count, ROWS##count, 4, INTO_ALL);                                   \
    else if (past) LOOP(START##count, ROWS##count, 8, PAST_THIRD);                                             \
    else LOOP(START##count, ROWS##count, 8, INTO_ALL);                                                         \
    EACH##count return;
  switch (rows) {
    CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12)
  }
}

}  // namespace

#include "tile-in-registers.hpp"
#include "linear.hpp"
#include "attention.hpp"
#include "first-token.hpp"

const valence::Kernels* valence::avx512VnniKernels() {
  static const Kernels kernels = {"avx512-vnni", linear, attentionScratchBytes, attention, attendFirst, normalise, quantise, findLargest, quantiseSome, embed, dense};
  return &kernels;
}
#else
const valence::Kernels* valence::avx512VnniKernels() { return nullptr; }
#endif
