// 16 lanes in two registers. See lanes-avx512.hpp: both must do the same, to the last bit.
#pragma once
#include <immintrin.h>
#include <stdint.h>

namespace {

// How many Floats the registers hold.
constexpr int kRegisters = 8;

struct Floats { __m256 low, high; };
struct Ints { __m256i low, high; };

// A row of 8 ones and 8 zeros: from 8 − n on, it starts with n ones.
alignas(32) const int32_t kOnesThenZeros[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
inline __m256i firstLanes(int count) {
  return _mm256_loadu_si256((const __m256i*)(kOnesThenZeros + 8 - (count < 0 ? 0 : count > 8 ? 8 : count)));
}

inline Floats load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
inline Floats loadSome(const float* p, int count) {
  return {_mm256_maskload_ps(p, firstLanes(count)), _mm256_maskload_ps(p + 8, firstLanes(count - 8))};
}
inline void store(float* p, Floats a) {
  _mm256_storeu_ps(p, a.low);
  _mm256_storeu_ps(p + 8, a.high);
}
inline void storeSome(float* p, Floats a, int count) {
  _mm256_maskstore_ps(p, firstLanes(count), a.low);
  _mm256_maskstore_ps(p + 8, firstLanes(count - 8), a.high);
}
inline Floats all(float a) { return {_mm256_set1_ps(a), _mm256_set1_ps(a)}; }
inline Floats operator+(Floats a, Floats b) { return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)}; }
inline Floats operator-(Floats a, Floats b) { return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)}; }
inline Floats operator*(Floats a, Floats b) { return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)}; }
inline Floats fma(Floats a, Floats b, Floats c) {
  return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
}
inline Floats max(Floats a, Floats b) { return {_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)}; }
inline Floats min(Floats a, Floats b) { return {_mm256_min_ps(a.low, b.low), _mm256_min_ps(a.high, b.high)}; }
inline Floats magnitude(Floats a) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  return {_mm256_andnot_ps(sign, a.low), _mm256_andnot_ps(sign, a.high)};
}
// Keeps the first lanes and puts `other` into the rest.
inline Floats keepFirst(Floats a, int count, Floats other) {
  return {_mm256_blendv_ps(other.low, a.low, _mm256_castsi256_ps(firstLanes(count))),
          _mm256_blendv_ps(other.high, a.high, _mm256_castsi256_ps(firstLanes(count - 8)))};
}

inline Ints load(const int32_t* p) {
  return {_mm256_loadu_si256((const __m256i*)p), _mm256_loadu_si256((const __m256i*)(p + 8))};
}
inline Ints allInts(int32_t a) { return {_mm256_set1_epi32(a), _mm256_set1_epi32(a)}; }
inline Ints operator+(Ints a, Ints b) { return {_mm256_add_epi32(a.low, b.low), _mm256_add_epi32(a.high, b.high)}; }
template <int bits> inline Ints shiftLeft(Ints a) { return {_mm256_slli_epi32(a.low, bits), _mm256_slli_epi32(a.high, bits)}; }
template <int bits> inline Ints shiftRight(Ints a) { return {_mm256_srli_epi32(a.low, bits), _mm256_srli_epi32(a.high, bits)}; }
inline Ints lowBits(Ints a, int32_t mask) {
  return {_mm256_and_si256(a.low, _mm256_set1_epi32(mask)), _mm256_and_si256(a.high, _mm256_set1_epi32(mask))};
}
// To the nearest integer, ties to even.
inline Ints toInts(Floats a) { return {_mm256_cvtps_epi32(a.low), _mm256_cvtps_epi32(a.high)}; }
inline Floats toFloats(Ints a) { return {_mm256_cvtepi32_ps(a.low), _mm256_cvtepi32_ps(a.high)}; }
inline Ints asInts(Floats a) { return {_mm256_castps_si256(a.low), _mm256_castps_si256(a.high)}; }
inline Floats asFloats(Ints a) { return {_mm256_castsi256_ps(a.low), _mm256_castsi256_ps(a.high)}; }
// Each lane's element of a table of 16, on a cache line, by the lowest four bits.
inline __m256 pick(const float* table, __m256i which) {
  const __m256 first = _mm256_permutevar8x32_ps(_mm256_load_ps(table), which), last = _mm256_permutevar8x32_ps(_mm256_load_ps(table + 8), which);
  return _mm256_blendv_ps(first, last, _mm256_castsi256_ps(_mm256_slli_epi32(which, 28)));
}
inline Floats pick(const float* table, Ints which) { return {pick(table, which.low), pick(table, which.high)}; }
inline Floats fromBytes(const int8_t* p) {
  const __m128i bytes = _mm_loadu_si128((const __m128i*)p);
  return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)), _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(bytes, 8)))};
}
// 16 floats of 16 bits (binary16).
inline Floats fromHalves(const uint16_t* p) {
  return {_mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)p)), _mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)(p + 8)))};
}
inline void storeInts(void* p, Ints a) {
  _mm256_storeu_si256((__m256i*)p, a.low);
  _mm256_storeu_si256((__m256i*)p + 1, a.high);
}
// The low byte of each lane.
inline void storeBytes(void* p, Ints a) {
  const __m256i pick = _mm256_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,  //
                                        0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
  const __m256i low = _mm256_shuffle_epi8(a.low, pick), high = _mm256_shuffle_epi8(a.high, pick);
  _mm_storeu_si128((__m128i*)p, _mm_setr_epi32(_mm256_extract_epi32(low, 0), _mm256_extract_epi32(low, 4),
                                               _mm256_extract_epi32(high, 0), _mm256_extract_epi32(high, 4)));
}
// Packing goes by halves of a register: puts in order what was packed twice.
inline __m256i ordered(__m256i packed) { return _mm256_permutevar8x32_epi32(packed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7)); }
inline __m256i packed(Ints a, Ints b) {
  return ordered(_mm256_packs_epi16(_mm256_packs_epi32(a.low, a.high), _mm256_packs_epi32(b.low, b.high)));
}
// Four pairs of registers of lanes from −128 to 127 as 64 bytes, with some bits turned over.
inline void storeBytes(void* p, Ints a, Ints b, Ints c, Ints d, uint8_t flip) {
  const __m256i flips = _mm256_set1_epi8((char)flip);
  _mm256_storeu_si256((__m256i*)p, _mm256_xor_si256(packed(a, b), flips));
  _mm256_storeu_si256((__m256i*)p + 1, _mm256_xor_si256(packed(c, d), flips));
}
// 32 lanes from 0 to 65,535 as 32 high and 32 low bytes.
inline void storeHalves(__m256i* high, __m256i* low, Ints a, Ints b) {
  const __m256i first = _mm256_packus_epi32(a.low, a.high), second = _mm256_packus_epi32(b.low, b.high), lowByte = _mm256_set1_epi16(0xff);
  _mm256_storeu_si256(high, ordered(_mm256_packus_epi16(_mm256_srli_epi16(first, 8), _mm256_srli_epi16(second, 8))));
  _mm256_storeu_si256(low, ordered(_mm256_packus_epi16(_mm256_and_si256(first, lowByte), _mm256_and_si256(second, lowByte))));
}
// Four pairs of registers of them as 64 high and 64 low bytes.
inline void storeHalves(void* high, void* low, Ints a, Ints b, Ints c, Ints d) {
  storeHalves((__m256i*)high, (__m256i*)low, a, b);
  storeHalves((__m256i*)high + 1, (__m256i*)low + 1, c, d);
}

// 16 rows of 16 groups of 4 bytes → the first `count` groups, each of all rows, `stride` bytes apart.
inline void storeGroups(int8_t* to, size_t stride, const int8_t (*rows)[64], int count) {
  for (int row = 0; row < 16; row++)
    for (int i = 0; i < count; i++) __builtin_memcpy(to + i * stride + row * 4, rows[row] + i * 4, 4);
}

inline __m256 lowHalf(Floats a) { return a.low; }
inline __m256 highHalf(Floats a) { return a.high; }
inline __m256i lowHalf(Ints a) { return a.low; }
inline __m256i highHalf(Ints a) { return a.high; }

}  // namespace

#include "lanes.hpp"
