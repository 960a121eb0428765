// What is built from lanes alone. A sum over lanes has a fixed order: halves, then quarters, and so on.
#pragma once

namespace {

inline float sumOf(Floats a) {
  const __m256 eight = _mm256_add_ps(lowHalf(a), highHalf(a));
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}

inline int32_t sumOf(Ints a) {
  const __m256i eight = _mm256_add_epi32(lowHalf(a), highHalf(a));
  const __m128i four = _mm_add_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
  const __m128i two = _mm_add_epi32(four, _mm_unpackhi_epi64(four, four));
  return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 1)));
}

inline float largestOf(Floats a) {
  const __m256 eight = _mm256_max_ps(lowHalf(a), highHalf(a));
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
}

// gelu(x) = x / 2 + h(|x|), where h(t) = t · (Φ(t) − ½) is nearly a parabola over each piece of the line: a minimax fit over pieces of 2/7
// around 0, 2/7, 4/7 …, and t / 2 from 4.14 on, where gelu is x or 0. Its largest error is 9.4e-5. Its result becomes 8 bits, whose steps
// are a hundred times as large. A polynomial for all of the line has more than twice the multiplications, which wait for the same ports
// as the products.
constexpr float kGeluPieces = 3.5f;  // in 1
alignas(64) constexpr float kGeluConstant[16] = {
    0.0f, -0.00107321306f, -0.0172425434f, -0.072755143f, -0.174260959f, -0.296089232f, -0.393339276f, -0.430381387f,
    -0.399082035f, -0.320485979f, -0.225742429f, -0.140804082f, -0.0783194676f, -0.0390566178f, -0.0175343901f, 0.0f};
alignas(64) constexpr float kGeluLinear[16] = {
    0.000134744274f, 0.0116670839f, 0.0846839324f, 0.23921974f, 0.442738891f, 0.633556664f, 0.758738697f, 0.799649358f,
    0.770950317f, 0.706347644f, 0.636438251f, 0.579649985f, 0.541475058f, 0.519394755f, 0.508183777f, 0.5f};
alignas(64) constexpr float kGeluSquare[16] = {
    0.396746069f, 0.365961701f, 0.282871068f, 0.174973711f, 0.0727893338f, -0.00200242503f, -0.0423095934f, -0.0536046438f,
    -0.0470258668f, -0.0337470584f, -0.0208479706f, -0.0113543486f, -0.00552275497f, -0.00241805566f, -0.000957950542f, 0.0f};

// Added to a number of less than 22 bits, it leaves the nearest integer in the lowest bits, ties to even.
constexpr float kRounding = 12582912.0f;  // 1.5 · 2^23

inline Floats gelu(Floats x) {
  const Floats size = magnitude(x);
  const Ints piece = asInts(fma(min(size, all(15 / kGeluPieces)), all(kGeluPieces), all(kRounding)));
  const Floats bent = fma(pick(kGeluSquare, piece), size, pick(kGeluLinear, piece));
  return fma(x, all(0.5f), fma(bent, size, pick(kGeluConstant, piece)));
}

// 2^f for |f| ≤ ½: a minimax fit, largest relative error 2.7e-6. What becomes of it has 16 bits, whose steps are five times as large
// for the largest and more for all others.
constexpr float kExp2[] = {0.999999285f, 0.693121791f, 0.240247443f, 0.0559178591f, 0.0095701013f};

// 2^x for x ≤ 0; below −126 it is the smallest normal number, which no weight of a softmax is seen beside.
inline Floats exp2(Floats x) {
  const Floats power = max(x, all(-126.0f));
  const Floats whole = power + all(kRounding);
  const Floats rest = power - (whole - all(kRounding));
  Floats sum = all(kExp2[4]);
  for (int i = 3; i >= 0; i--) sum = fma(sum, rest, all(kExp2[i]));
  // The whole number goes to where the exponent is; the other bits of `whole` leave by the top.
  return asFloats(asInts(sum) + shiftLeft<23>(asInts(whole)));
}

}  // namespace
