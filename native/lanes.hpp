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

// gelu(x) = x · Φ(x). Φ(x) − ½ = x · P(x²) for |x| ≤ 3.9, beyond which it is ±½ to within 1.2e-5: a minimax fit, by which gelu
// has a largest error of 1.5e-4. Its result becomes 8 bits, whose steps are a hundred times as large.
constexpr float kGeluLimit = 3.9f;
constexpr float kGelu[] = {0.398085564f,     -0.0648694187f,   0.00891375914f, -0.000844505907f,
                           5.12366023e-05f, -1.77045933e-06f, 2.62707385e-08f};

inline Floats gelu(Floats x) {
  const Floats near = within(x, kGeluLimit);
  const Floats square = near * near;
  Floats sum = all(kGelu[6]);
  for (int i = 5; i >= 0; i--) sum = fma(sum, square, all(kGelu[i]));
  return x * fma(sum, near, all(0.5f));
}

// 2^f for |f| ≤ ½: a minimax fit, largest relative error 2.7e-6. What becomes of it has 16 bits, whose steps are five times as large
// for the largest and more for all others.
constexpr float kExp2[] = {0.999999285f, 0.693121791f, 0.240247443f, 0.0559178591f, 0.0095701013f};

// Added to a number of less than 22 bits, it leaves the nearest integer in the lowest bits, ties to even.
constexpr float kRounding = 12582912.0f;  // 1.5 · 2^23

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
