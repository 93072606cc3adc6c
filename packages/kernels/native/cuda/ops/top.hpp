// Sums over the elements that attain a maximum; see heddle_spmm_top in heddle_kernels.h.
#pragma once
#include "walk.hpp"

namespace heddle::cuda {

template <class T, class I>
struct Top {
  Walk<I> walk;
  const T *weight, *x, *top;
  const T *factor, *value;  // spmm_top: either may be NULL; sddmm_top: a and b
  T* out;
  int64_t heads, width;
  bool transposed;  // rows are senders
};

// Whether x weight, rounded as the maximum was, is that maximum; NaN equals NaN.
template <class T>
HEDDLE_HD bool attains(T x, sum_t<T> weight, T top) {
  using A = sum_t<T>;
  const A message = static_cast<A>(static_cast<T>(static_cast<A>(x) * weight)), most = static_cast<A>(top);
  return message == most || (message != message && most != most);
}

template <class T, class I>
HEDDLE_HD void spmm_top(const Top<T, I>& op, int64_t r, int64_t column) {
  using A = sum_t<T>;
  const int64_t stride = op.heads * op.width, head = column / op.width;
  int64_t begin, end;
  op.walk.row(r, begin, end);
  A sum = 0;
  for (int64_t j = begin; j < end; ++j) {
    const int64_t other = op.walk.other(j), e = op.walk.edge(j);
    if (other < 0 || e < 0) continue;
    const int64_t sender = op.transposed ? r : other, receiver = op.transposed ? other : r;
    const A weight = op.weight ? static_cast<A>(op.weight[e * op.heads + head]) : A(1);
    if (!attains(op.x[sender * stride + column], weight, op.top[receiver * stride + column])) continue;
    A term = op.value ? static_cast<A>(op.value[other * stride + column]) : A(1);
    if (op.factor) term *= static_cast<A>(op.factor[e * op.heads + head]);
    sum += term;
  }
  op.out[r * stride + column] = static_cast<T>(sum);
}

// A lane's part of edge j in head `head`: a of the receiver times b of the sender.
template <class T, class I>
HEDDLE_HD sum_t<T> sddmm_top(const Top<T, I>& op, int64_t j, int64_t head, int lane, int lanes) {
  using A = sum_t<T>;
  const int64_t other = op.walk.other(j), e = op.walk.edge(j);
  if (other < 0 || e < 0) return 0;
  const int64_t stride = op.heads * op.width, row = op.walk.row_of(j);
  const int64_t sender = (op.transposed ? row : other) * stride + head * op.width;
  const int64_t receiver = (op.transposed ? other : row) * stride + head * op.width;
  const A weight = op.weight ? static_cast<A>(op.weight[e * op.heads + head]) : A(1);
  A sum = 0;
  for (int64_t c = lane; c < op.width; c += lanes)
    if (attains(op.x[sender + c], weight, op.top[receiver + c]))
      sum += static_cast<A>(op.factor[receiver + c]) * static_cast<A>(op.value[sender + c]);
  return sum;
}

}  // namespace heddle::cuda
