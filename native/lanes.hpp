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
  alignas(64) int32_t lanes[16];
  storeInts(lanes, a);
  int32_t sum = 0;
  for (int i = 0; i < 16; i++) sum += lanes[i];
  return sum;
}

inline float largestOf(Floats a) {
  const __m256 eight = _mm256_max_ps(lowHalf(a), highHalf(a));
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
}

// erf(z) = z · P(z²) for |z| ≤ 3.1, beyond which erf is 1 to within 2e-5: a Chebyshev fit, largest error 2.2e-5.
constexpr float kErfLimit = 3.1f;
constexpr float kErf[] = {1.12837076f,     -0.37604624f,     0.112609841f,   -0.0265626628f,  0.00499543175f, -0.00074682897f,
                          8.6404827e-05f, -7.37046503e-06f, 4.30875644e-07f, -1.52608699e-08f, 2.45171855e-10f};

inline Floats gelu(Floats x) {
  Floats z = x * all(0.707106781f);
  z = min(max(z, all(-kErfLimit)), all(kErfLimit));
  const Floats square = z * z;
  Floats sum = all(kErf[10]);
  for (int i = 9; i >= 0; i--) sum = fma(sum, square, all(kErf[i]));
  const Floats half = x * all(0.5f);
  return fma(half, sum * z, half);
}

// 2^f for |f| ≤ ½: a Chebyshev fit, largest relative error 1e-7.
constexpr float kExp2[] = {1.0f, 0.693147182f, 0.240226462f, 0.0555032901f, 0.00961851981f, 0.00133998599f, 0.000153375775f};

// e^x for x ≤ 0; below −87 it is the smallest normal number, which no weight of a softmax is seen beside.
inline Floats exponential(Floats x) {
  const Floats power = max(x * all(1.44269504f), all(-126.0f));
  const Floats whole = rounded(power);
  const Floats rest = power - whole;
  Floats sum = all(kExp2[6]);
  for (int i = 5; i >= 0; i--) sum = fma(sum, rest, all(kExp2[i]));
  return sum * asFloats(shiftLeft<23>(toInts(whole) + allInts(127)));
}

}  // namespace
