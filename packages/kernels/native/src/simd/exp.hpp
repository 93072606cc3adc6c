// The exponential of a vector, and it less one, within two units in the last place; results of the first under the
// smallest normal number become 0.
#pragma once
#include "simd.hpp"

namespace heddle {
namespace HEDDLE_ISA {

constexpr double inverse_factorial(int k) { return k < 2 ? 1.0 : inverse_factorial(k - 1) / k; }
struct InverseFactorials {
  double values[14] = {};
  constexpr InverseFactorials() {
    for (int k = 0; k < 14; ++k) values[k] = inverse_factorial(k);
  }
};
constexpr InverseFactorials INVERSE_FACTORIALS;

template <class A> struct ExpTable;
template <> struct ExpTable<float> {
  using Bits = uint32_t;
  static constexpr float least = -87.33654f, most = 88.02969f;
  static constexpr float round = 12582912.0f;  // 1.5 * 2^23: adding it leaves the nearest integer in the low bits
  static constexpr float ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
  static constexpr int mantissa = 23, terms = 7;
};
template <> struct ExpTable<double> {
  using Bits = uint64_t;
  static constexpr double least = -708.39641853226408, most = 709.08956571282408;
  static constexpr double round = 6755399441055744.0;  // 1.5 * 2^52
  static constexpr double ln2_high = 6.93147180369123816490e-01, ln2_low = 1.90821492927058770002e-10;
  static constexpr int mantissa = 52, terms = 13;
};

// exp(x) = 2^n exp(r) with n the integer nearest to x / ln 2, and exp(r) its Taylor series, |r| < 0.35. NaN stays.
template <class A, int W> HEDDLE_INLINE vec<A, W> exponential(vec<A, W> x) {
  using Table = ExpTable<A>;
  using Bits = typename Table::Bits;
  const vec<A, W> shifted = x * A(1.44269504088896340736) + Table::round;
  const vec<A, W> n = shifted - Table::round;
  const vec<A, W> r = x - n * Table::ln2_high - n * Table::ln2_low;
  vec<A, W> y = broadcast<A, W>(static_cast<A>(inverse_factorial(Table::terms)));
  HEDDLE_UNROLL for (int k = Table::terms - 1; k >= 0; --k) y = y * r + static_cast<A>(INVERSE_FACTORIALS.values[k]);
  const vec<Bits, W> scale = (bits<vec<Bits, W>>(shifted) << Table::mantissa) + bits<Bits>(A(1));
  y *= bits<vec<A, W>>(scale);
  y = x < Table::least ? broadcast<A, W>(0) : y;
  return x > Table::most ? broadcast<A, W>(static_cast<A>(__builtin_inf())) : y;
}

// exp(x) - 1 = 2^n (exp(r) - 1) + (2^n - 1), with as many digits near 0 as elsewhere. NaN stays.
template <class A, int W> HEDDLE_INLINE vec<A, W> exponential_less_one(vec<A, W> x) {
  using Table = ExpTable<A>;
  using Bits = typename Table::Bits;
  const vec<A, W> shifted = x * A(1.44269504088896340736) + Table::round;
  const vec<A, W> n = shifted - Table::round;
  const vec<A, W> r = x - n * Table::ln2_high - n * Table::ln2_low;
  vec<A, W> y = broadcast<A, W>(static_cast<A>(inverse_factorial(Table::terms)));
  HEDDLE_UNROLL for (int k = Table::terms - 1; k >= 1; --k) y = y * r + static_cast<A>(INVERSE_FACTORIALS.values[k]);
  const vec<A, W> scale = bits<vec<A, W>>((bits<vec<Bits, W>>(shifted) << Table::mantissa) + bits<Bits>(A(1)));
  y = y * r * scale + (scale - A(1));
  y = x < Table::least ? broadcast<A, W>(-1) : y;
  return x > Table::most ? broadcast<A, W>(static_cast<A>(__builtin_inf())) : y;
}

}  // namespace HEDDLE_ISA
}  // namespace heddle
