// Softmax of one column of one segment: its largest value and the sum of its exponentials, in parts, then each element.
#pragma once
#include <cmath>

#include "walk.hpp"

namespace heddle::cuda {

// What is known of some of a segment's values.
template <class A>
struct Stats {
  A top, sum;  // sum of exp(value - shift(top)); of a gradient, the sum of y grad
};

template <class T, class I>
struct Softmax {
  Walk<I> walk;          // ids = NULL; perm says where the segment's rows lie
  const T *data, *grad;  // grad: NULL for the softmax itself; else data is that softmax
  T* out;
  Stats<sum_t<T>>*partial, *stats;  // [chunks, width], [segments, width]
  int64_t width;
};

template <class A>
HEDDLE_HD A larger(A a, A b) {
  return a > b || a != a ? a : b;
}

// What to subtract: nothing if the largest is infinite or NaN.
template <class A>
HEDDLE_HD A shift(A top) {
  return top - top == 0 ? top : A(0);
}

template <class T, class I>
HEDDLE_HD Stats<sum_t<T>> no_stats(const Softmax<T, I>& op) {
  return {op.grad ? sum_t<T>(0) : -static_cast<sum_t<T>>(INFINITY), 0};
}

// Join two of a segment's parts; of a gradient both tops are 0.
template <class A>
HEDDLE_HD Stats<A> joined(const Stats<A>& a, const Stats<A>& b) {
  const A top = larger(a.top, b.top), less = shift(top);
  const auto moved = [&](const Stats<A>& of) { return of.sum == 0 ? A(0) : of.sum * exp(shift(of.top) - less); };
  return {top, moved(a) + moved(b)};
}

// Positions begin, begin + step, ... below end of a segment.
template <class T, class I>
HEDDLE_HD Stats<sum_t<T>> softmax_span(const Softmax<T, I>& op, int64_t begin, int64_t end, int64_t step,
                                       int64_t column) {
  using A = sum_t<T>;
  Stats<A> result = no_stats(op);
  const auto each = [&](auto&& f) {
    for (int64_t j = begin; j < end; j += step) {
      const int64_t e = op.walk.edge(j);
      if (e >= 0) f(e * op.width + column);
    }
  };
  if (op.grad) {
    each([&](int64_t at) { result.sum += static_cast<A>(op.data[at]) * static_cast<A>(op.grad[at]); });
    return result;
  }
  each([&](int64_t at) { result.top = larger(static_cast<A>(op.data[at]), result.top); });
  const A less = shift(result.top);
  each([&](int64_t at) { result.sum += exp(static_cast<A>(op.data[at]) - less); });
  return result;
}

// One part of segment s.
template <class T, class I>
HEDDLE_HD Stats<sum_t<T>> softmax_row(const Softmax<T, I>& op, int64_t s, int64_t column, int part, int parts) {
  const auto cut = op.walk.cut(s);
  Stats<sum_t<T>> result = softmax_span(op, cut.begin + part, cut.head(), parts, column);
  if (!cut.is_long()) return result;
  for (int64_t c = cut.first() + part; c < cut.last(); c += parts) result = joined(result, op.partial[c * op.width + column]);
  return joined(result, softmax_span(op, cut.tail() + part, cut.end, parts, column));
}

// One part of a whole chunk.
template <class T, class I>
HEDDLE_HD Stats<sum_t<T>> softmax_chunk(const Softmax<T, I>& op, int64_t c, int64_t column, int part, int parts) {
  return softmax_span(op, c * CHUNK + part, (c + 1) * CHUNK, parts, column);
}

// Position j, of segment s.
template <class T, class I>
HEDDLE_HD void softmax_write(const Softmax<T, I>& op, int64_t s, int64_t j, int64_t column) {
  using A = sum_t<T>;
  const int64_t e = op.walk.edge(j);
  if (e < 0) return;
  const Stats<A> of = op.stats[s * op.width + column];
  const int64_t at = e * op.width + column;
  const A value = static_cast<A>(op.data[at]);
  op.out[at] = static_cast<T>(op.grad ? value * (static_cast<A>(op.grad[at]) - of.sum)
                                      : exp(value - shift(of.top)) / (of.sum == 0 ? A(1) : of.sum));
}

}  // namespace heddle::cuda
