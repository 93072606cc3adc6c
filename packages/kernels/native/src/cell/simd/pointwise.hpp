// What the pointwise parts of cells share: both squashing functions of a vector, and a walk over the columns of a row.
#pragma once
#include <type_traits>

#include "../../simd/exp.hpp"
#include "../cell.hpp"

namespace heddle {
namespace HEDDLE_ISA {

template <class V> HEDDLE_INLINE V kept(V s) { return s * (1 - s); }     // slope of a sigmoid at its value
template <class V> HEDDLE_INLINE V bent(V t) { return 1 - t * t; }       // slope of tanh at its value

// Far out the exponential is infinity or 0, and the value 0 or 1; NaN stays.
template <class A, int W> HEDDLE_INLINE vec<A, W> sigmoid(vec<A, W> x) {
  return A(1) / (A(1) + exponential<A, W>(-x));
}

// By exp(y) - 1 of y = -2 |x|, so that small values keep their digits.
template <class A, int W> HEDDLE_INLINE vec<A, W> tanh(vec<A, W> x) {
  const vec<A, W> size = x < 0 ? -x : x, less = exponential_less_one<A, W>(-2 * size);
  const vec<A, W> t = -less / (2 + less);
  return x < 0 ? -t : t;
}

template <class A> HEDDLE_INLINE const A* at(const void* array, int64_t position) {
  return array ? static_cast<const A*>(array) + position : nullptr;
}
template <class A> HEDDLE_INLINE A* at(void* array, int64_t position) {
  return array ? static_cast<A*>(array) + position : nullptr;
}

// Add to sums.
template <int W, class A> HEDDLE_INLINE void add(A* to, vec<A, W> value) { store<W>(to, load<W>(to) + value); }

// Call body(width, column) over the columns of a row, vectors first.
template <class A, class F> HEDDLE_INLINE void over_columns(int64_t columns, F&& body) {
  constexpr int W = LANES<A>;
  int64_t k = 0;
  for (; k + W <= columns; k += W) body(std::integral_constant<int, W>{}, k);
  for (; k < columns; ++k) body(std::integral_constant<int, 1>{}, k);
}

// Call body(Tag<float> or Tag<double>): cells have no narrow types.
template <class F> HEDDLE_INLINE void with_wide(int64_t dtype, F&& body) {
  dtype == HEDDLE_FLOAT64 ? body(Tag<double>{}) : body(Tag<float>{});
}

}  // namespace HEDDLE_ISA
}  // namespace heddle
