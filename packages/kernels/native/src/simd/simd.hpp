// Vectors of one instruction set, as the compiler's own vector types: no intrinsics but for float16.
// Only files of simd/ include this. Each is compiled once per instruction set with HEDDLE_ISA naming it, so everything
// they define lies in namespace HEDDLE_ISA, and they use no function of the standard library that might not be inlined:
// the linker would keep one copy of it for all, perhaps one that this processor can't run.
#pragma once
#include <cstdint>
#include <cstring>

#include "../types.hpp"
#if defined(__F16C__)
#include <immintrin.h>
#endif

#define HEDDLE_INLINE inline __attribute__((always_inline))
#define HEDDLE_UNROLL _Pragma("GCC unroll 16")

namespace heddle {
namespace HEDDLE_ISA {

#if defined(__AVX512F__)
constexpr int VECTOR_BYTES = 64;
#elif defined(__AVX2__)
constexpr int VECTOR_BYTES = 32;
#else
constexpr int VECTOR_BYTES = 16;
#endif
template <class A> constexpr int LANES = VECTOR_BYTES / static_cast<int>(sizeof(A));

// W values of A; W = 1 is A itself, so that one code serves both.
template <class A, int W> struct Vector {
  typedef A type __attribute__((vector_size(sizeof(A) * W)));
};
template <class A> struct Vector<A, 1> { using type = A; };
template <class A, int W> using vec = typename Vector<A, W>::type;

// Ids of either type, or 0, 1, 2 ... where there are none: a branch that never changes costs less here than the
// compilation of every kernel for each type.
struct Ids {
  const void* data;
  bool wide;
  HEDDLE_INLINE Ids(const void* data, int64_t index) : data(data), wide(index == HEDDLE_INT64) {}
  HEDDLE_INLINE int64_t operator[](int64_t i) const {
    if (!data) return i;
    return wide ? static_cast<const int64_t*>(data)[i] : static_cast<const int32_t*>(data)[i];
  }
};

template <class To, class From> HEDDLE_INLINE To bits(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

template <class To, int W, class From> HEDDLE_INLINE vec<To, W> convert(From from) {
  if constexpr (W == 1)
    return static_cast<To>(from);
  else
    return __builtin_convertvector(from, vec<To, W>);
}

template <class A, int W> HEDDLE_INLINE vec<A, W> broadcast(A value) {
  if constexpr (W == 1)
    return value;
  else
    return value - vec<A, W>{};
}

template <class A, int W> HEDDLE_INLINE vec<A, W> read(const void* from) {
  vec<A, W> values;
  std::memcpy(&values, from, sizeof values);
  return values;
}

// --- load<W>: W elements at any alignment, widened to their accumulator ---

template <int W> HEDDLE_INLINE vec<float, W> load(const float* from) { return read<float, W>(from); }
template <int W> HEDDLE_INLINE vec<double, W> load(const double* from) { return read<double, W>(from); }

template <int W> HEDDLE_INLINE vec<float, W> load(const bf16* from) {
  return bits<vec<float, W>>(convert<uint32_t, W>(read<uint16_t, W>(from)) << 16);
}

template <int W> HEDDLE_INLINE vec<float, W> load(const f16* from) {
#if defined(__AVX512F__)
  if constexpr (W == 16) return bits<vec<float, 16>>(_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i*)from)));
#endif
#if defined(__F16C__)
  if constexpr (W == 8) return bits<vec<float, 8>>(_mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)from)));
  if constexpr (W == 4) return bits<vec<float, 4>>(_mm_cvtph_ps(_mm_loadl_epi64((const __m128i*)from)));
#endif
  // Exponent and mantissa moved to their places in a float and the bias fixed; a subnormal as the difference of two normal
  // floats, since XLA's threads take subnormal ones for 0.
  const vec<uint32_t, W> half = convert<uint32_t, W>(read<uint16_t, W>(from));
  const vec<uint32_t, W> moved = (half & 0x7fffu) << 13;
  const vec<uint32_t, W> normal = moved + 0x38000000u, huge = normal + 0x38000000u;
  const vec<float, W> small = bits<vec<float, W>>(moved + 0x38800000u) - 0x1p-14f;
  const vec<uint32_t, W> large = moved >= broadcast<uint32_t, W>(0x0f800000u) ? huge : normal;
  const vec<uint32_t, W> size = moved < broadcast<uint32_t, W>(0x00800000u) ? bits<vec<uint32_t, W>>(small) : large;
  return bits<vec<float, W>>(size | (half & 0x8000u) << 16);
}

// --- store<W>: rounded to nearest, ties to even ---

template <int W> HEDDLE_INLINE void store(float* to, vec<float, W> v) { std::memcpy(to, &v, sizeof v); }
template <int W> HEDDLE_INLINE void store(double* to, vec<double, W> v) { std::memcpy(to, &v, sizeof v); }

template <int W> HEDDLE_INLINE void store(bf16* to, vec<float, W> v) {
  const vec<uint32_t, W> u = bits<vec<uint32_t, W>>(v);
  const vec<uint32_t, W> rounded = (u + 0x7fffu + (u >> 16 & 1u)) >> 16, quiet = u >> 16 | 0x40u;
  const vec<uint16_t, W> out = convert<uint16_t, W>(v != v ? quiet : rounded);
  std::memcpy(to, &out, sizeof out);
}

static inline uint16_t half_bits(float value) {
  const uint32_t u = bits<uint32_t>(value), sign = u >> 16 & 0x8000u, size = u & 0x7fffffffu;
  if (size > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u);
  if (size >= 0x47800000u) return static_cast<uint16_t>(sign | 0x7c00u);
  if (size < 0x38800000u) return static_cast<uint16_t>(sign | (bits<uint32_t>(bits<float>(size) + 0.5f) - 0x3f000000u));
  return static_cast<uint16_t>(sign | (size + 0xc8000fffu + (size >> 13 & 1u)) >> 13);
}

template <int W> HEDDLE_INLINE void store(f16* to, vec<float, W> v) {
#if defined(__AVX512F__)
  if constexpr (W == 16) return _mm256_storeu_si256((__m256i*)to, _mm512_cvtps_ph(bits<__m512>(v), 0));
#endif
#if defined(__F16C__)
  if constexpr (W == 8) return _mm_storeu_si128((__m128i*)to, _mm256_cvtps_ph(bits<__m256>(v), 0));
#endif
  float values[W];
  std::memcpy(values, &v, sizeof v);
  for (int i = 0; i < W; ++i) to[i].bits = half_bits(values[i]);
}

// The larger of each pair, NaN if either is.
template <class V> HEDDLE_INLINE V larger(V a, V b) { return (b > a) | (b != b) ? b : a; }

// Sum of all lanes, halves first.
template <class A, int W> HEDDLE_INLINE A lane_sum(vec<A, W> v) {
  if constexpr (W == 1) {
    return v;
  } else {
    vec<A, W / 2> low, high;
    std::memcpy(&low, &v, sizeof low);
    std::memcpy(&high, reinterpret_cast<const char*>(&v) + sizeof low, sizeof high);
    return lane_sum<A, W / 2>(low + high);
  }
}

constexpr int64_t AHEAD = 16;  // edges from prefetch to use
constexpr int64_t LONG = 4096;  // a sum of more terms goes by blocks
constexpr int64_t TERMS = 32;   // terms of a block, added one after the other

// The blocks of a long sum, added with what each addition lost (Kahan): the error of a sum of more than LONG terms is that of
// TERMS terms. A sum of at most LONG terms has one block, and the bits of a plain sum.
template <class A, int W> struct Blocks {
  vec<A, W> total, lost;

  // To be called first, for sums that are long: most are short, and shall not pay for it.
  HEDDLE_INLINE void start() { total = lost = broadcast<A, W>(0); }
  // Add a block and begin the next one.
  HEDDLE_INLINE void take(vec<A, W>& block) {
    const vec<A, W> term = block - lost, sum = total + term;
    lost = (sum - total) - term;
    lost = lost - lost == 0 ? lost : broadcast<A, W>(0);  // infinities lose nothing
    total = sum, block = broadcast<A, W>(0);
  }
};

HEDDLE_INLINE void prefetch(const void* from, int64_t bytes) {
  for (int64_t b = 0; b < bytes; b += 64) __builtin_prefetch(static_cast<const char*>(from) + b, 0, 3);
}

}  // namespace HEDDLE_ISA
}  // namespace heddle
