// 16 lanes in one register. See lanes-avx2.hpp: both must do the same, to the last bit.
#pragma once
#include <immintrin.h>
#include <stdint.h>

namespace {

// How many Floats the registers hold.
constexpr int kRegisters = 32;

struct Floats { __m512 v; };
struct Ints { __m512i v; };

inline __mmask16 firstLanes(int count) { return count >= 16 ? 0xffff : count <= 0 ? 0 : (__mmask16)((1u << count) - 1); }

inline Floats load(const float* p) { return {_mm512_loadu_ps(p)}; }
inline Floats loadSome(const float* p, int count) { return {_mm512_maskz_loadu_ps(firstLanes(count), p)}; }
inline void store(float* p, Floats a) { _mm512_storeu_ps(p, a.v); }
inline void storeSome(float* p, Floats a, int count) { _mm512_mask_storeu_ps(p, firstLanes(count), a.v); }
inline Floats all(float a) { return {_mm512_set1_ps(a)}; }
inline Floats operator+(Floats a, Floats b) { return {_mm512_add_ps(a.v, b.v)}; }
inline Floats operator-(Floats a, Floats b) { return {_mm512_sub_ps(a.v, b.v)}; }
inline Floats operator*(Floats a, Floats b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline Floats fma(Floats a, Floats b, Floats c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
inline Floats max(Floats a, Floats b) { return {_mm512_max_ps(a.v, b.v)}; }
inline Floats min(Floats a, Floats b) { return {_mm512_min_ps(a.v, b.v)}; }
inline Floats magnitude(Floats a) { return {_mm512_abs_ps(a.v)}; }
// Keeps the first lanes and puts `other` into the rest.
inline Floats keepFirst(Floats a, int count, Floats other) { return {_mm512_mask_mov_ps(other.v, firstLanes(count), a.v)}; }

inline Ints load(const int32_t* p) { return {_mm512_loadu_si512(p)}; }
inline Ints allInts(int32_t a) { return {_mm512_set1_epi32(a)}; }
inline Ints operator+(Ints a, Ints b) { return {_mm512_add_epi32(a.v, b.v)}; }
template <int bits> inline Ints shiftLeft(Ints a) { return {_mm512_slli_epi32(a.v, bits)}; }
template <int bits> inline Ints shiftRight(Ints a) { return {_mm512_srli_epi32(a.v, bits)}; }
inline Ints lowBits(Ints a, int32_t mask) { return {_mm512_and_si512(a.v, _mm512_set1_epi32(mask))}; }
// To the nearest integer, ties to even.
inline Ints toInts(Floats a) { return {_mm512_cvtps_epi32(a.v)}; }
inline Floats toFloats(Ints a) { return {_mm512_cvtepi32_ps(a.v)}; }
inline Ints asInts(Floats a) { return {_mm512_castps_si512(a.v)}; }
inline Floats asFloats(Ints a) { return {_mm512_castsi512_ps(a.v)}; }
// Each lane's element of a table of 16, on a cache line, by the lowest four bits.
inline Floats pick(const float* table, Ints which) { return {_mm512_permutexvar_ps(which.v, _mm512_load_ps(table))}; }
inline Floats fromBytes(const int8_t* p) {
  return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i*)p)))};
}
// 16 floats of 16 bits (binary16).
inline Floats fromHalves(const uint16_t* p) { return {_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i*)p))}; }
inline void storeInts(void* p, Ints a) { _mm512_storeu_si512(p, a.v); }
// The low byte of each lane.
inline void storeBytes(void* p, Ints a) { _mm_storeu_si128((__m128i*)p, _mm512_cvtepi32_epi8(a.v)); }
// Packing goes by quarters of a register: puts in order what was packed twice.
inline __m512i ordered(__m512i packed) {
  return _mm512_permutexvar_epi32(_mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), packed);
}
// Four registers of lanes from −128 to 127 as 64 bytes, with some bits turned over.
inline void storeBytes(void* p, Ints a, Ints b, Ints c, Ints d, uint8_t flip) {
  const __m512i packed = _mm512_packs_epi16(_mm512_packs_epi32(a.v, b.v), _mm512_packs_epi32(c.v, d.v));
  _mm512_storeu_si512(p, _mm512_xor_si512(ordered(packed), _mm512_set1_epi8((char)flip)));
}
// Four registers of lanes from 0 to 65,535 as 64 high and 64 low bytes.
inline void storeHalves(void* high, void* low, Ints a, Ints b, Ints c, Ints d) {
  const __m512i ab = _mm512_packus_epi32(a.v, b.v), cd = _mm512_packus_epi32(c.v, d.v), lowByte = _mm512_set1_epi16(0xff);
  _mm512_storeu_si512(high, ordered(_mm512_packus_epi16(_mm512_srli_epi16(ab, 8), _mm512_srli_epi16(cd, 8))));
  _mm512_storeu_si512(low, ordered(_mm512_packus_epi16(_mm512_and_si512(ab, lowByte), _mm512_and_si512(cd, lowByte))));
}

// 16 rows of 16 groups of 4 bytes → the first `count` groups, each of all rows, `stride` bytes apart.
inline void storeGroups(int8_t* to, size_t stride, const int8_t (*rows)[64], int count) {
  __m512i two[16], four[16], group[16];
  // Groups of two rows side by side, then of four; each quarter of a register still has groups of its own.
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    const __m512i a = _mm512_load_si512(rows[i]), b = _mm512_load_si512(rows[i + 1]);
    two[i] = _mm512_unpacklo_epi32(a, b);
    two[i + 1] = _mm512_unpackhi_epi32(a, b);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    four[i] = _mm512_unpacklo_epi64(two[i], two[i + 2]);
    four[i + 1] = _mm512_unpackhi_epi64(two[i], two[i + 2]);
    four[i + 2] = _mm512_unpacklo_epi64(two[i + 1], two[i + 3]);
    four[i + 3] = _mm512_unpackhi_epi64(two[i + 1], two[i + 3]);
  }
  // four[4 k + i] has groups i, 4 + i, 8 + i and 12 + i of rows 4 k to 4 k + 3.
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    const __m512i lowA = _mm512_shuffle_i32x4(four[i], four[4 + i], 0x44), highA = _mm512_shuffle_i32x4(four[i], four[4 + i], 0xee);
    const __m512i lowB = _mm512_shuffle_i32x4(four[8 + i], four[12 + i], 0x44), highB = _mm512_shuffle_i32x4(four[8 + i], four[12 + i], 0xee);
    group[i] = _mm512_shuffle_i32x4(lowA, lowB, 0x88);
    group[4 + i] = _mm512_shuffle_i32x4(lowA, lowB, 0xdd);
    group[8 + i] = _mm512_shuffle_i32x4(highA, highB, 0x88);
    group[12 + i] = _mm512_shuffle_i32x4(highA, highB, 0xdd);
  }
#pragma GCC unroll 16
  for (int i = 0; i < 16; i++)
    if (i < count) _mm512_storeu_si512(to + i * stride, group[i]);
}

inline __m256 lowHalf(Floats a) { return _mm512_castps512_ps256(a.v); }
inline __m256 highHalf(Floats a) { return _mm512_extractf32x8_ps(a.v, 1); }
inline __m256i lowHalf(Ints a) { return _mm512_castsi512_si256(a.v); }
inline __m256i highHalf(Ints a) { return _mm512_extracti64x4_epi64(a.v, 1); }

}  // namespace

#include "lanes.hpp"
