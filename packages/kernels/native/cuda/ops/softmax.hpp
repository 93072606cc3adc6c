// Softmax of one column of one segment, in parts of `lanes` lanes that the caller combines.
#pragma once
#include <cmath>

#include "walk.hpp"

namespace heddle::cuda {

template <class T, class I>
struct Softmax {
  Walk<I> walk;            // ids = NULL; perm says where the segment's rows lie
  const T *data, *grad;    // grad: NULL for the softmax itself; else data is that softmax
  T* out;
  int64_t width;
};

template <class A>
HEDDLE_HD A larger(A a, A b) {
  return a > b || a != a ? a : b;
}

// Call f(place in data) for a lane's rows of segment s.
template <class T, class I, class F>
HEDDLE_HD void for_lane(const Softmax<T, I>& op, int64_t s, int64_t column, int lane, int lanes, F&& f) {
  int64_t begin, end;
  op.walk.row(s, begin, end);
  for (int64_t j = begin + lane; j < end; j += lanes) {
    const int64_t e = op.walk.edge(j);
    if (e >= 0) f(e * op.width + column);
  }
}

template <class T, class I>
HEDDLE_HD sum_t<T> softmax_top(const Softmax<T, I>& op, int64_t s, int64_t column, int lane, int lanes) {
  using A = sum_t<T>;
  A top = -static_cast<A>(INFINITY);
  for_lane(op, s, column, lane, lanes, [&](int64_t at) { top = larger(static_cast<A>(op.data[at]), top); });
  return top;
}

// What to subtract: nothing if the largest is infinite or NaN.
template <class A>
HEDDLE_HD A shift(A top) {
  return top - top == 0 ? top : A(0);
}

// With `grad`, the sum of y grad; else that of the exponentials.
template <class T, class I>
HEDDLE_HD sum_t<T> softmax_sum(const Softmax<T, I>& op, int64_t s, int64_t column, int lane, int lanes,
                               sum_t<T> less) {
  using A = sum_t<T>;
  A sum = 0;
  for_lane(op, s, column, lane, lanes, [&](int64_t at) {
    const A value = static_cast<A>(op.data[at]);
    sum += op.grad ? value * static_cast<A>(op.grad[at]) : exp(value - less);
  });
  return sum;
}

template <class T, class I>
HEDDLE_HD void softmax_write(const Softmax<T, I>& op, int64_t s, int64_t column, int lane, int lanes, sum_t<T> less,
                             sum_t<T> sum) {
  using A = sum_t<T>;
  const A scale = sum == 0 ? A(1) : sum;
  for_lane(op, s, column, lane, lanes, [&](int64_t at) {
    const A value = static_cast<A>(op.data[at]);
    op.out[at] = static_cast<T>(op.grad ? value * (static_cast<A>(op.grad[at]) - sum) : exp(value - less) / scale);
  });
}

}  // namespace heddle::cuda
