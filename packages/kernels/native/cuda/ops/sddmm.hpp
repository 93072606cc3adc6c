// sddmm, one edge and head at a time, shared among `lanes` lanes.
#pragma once
#include "walk.hpp"

namespace heddle::cuda {

template <class T, class I>
struct Sddmm {
  Walk<I> walk;
  const T *a, *b;
  T* out;
  int64_t heads, width;
};

// DOT: a lane's part of the product of edge j in head `head`.
template <class T, class I>
HEDDLE_HD sum_t<T> sddmm_dot(const Sddmm<T, I>& op, int64_t j, int64_t head, int lane, int lanes) {
  using A = sum_t<T>;
  const int64_t sender = op.walk.other(j);
  if (sender < 0) return 0;
  const int64_t stride = op.heads * op.width;
  const T* const a = op.a + op.walk.row_of(j) * stride + head * op.width;
  const T* const b = op.b + sender * stride + head * op.width;
  A sum = 0;
  for (int64_t c = lane; c < op.width; c += lanes) sum += static_cast<A>(a[c]) * static_cast<A>(b[c]);
  return sum;
}

// ADD: a lane's columns of edge j; 0 where the sender is out of range.
template <class T, class I>
HEDDLE_HD void sddmm_add(const Sddmm<T, I>& op, int64_t j, int lane, int lanes) {
  using A = sum_t<T>;
  const int64_t sender = op.walk.other(j), stride = op.heads * op.width, receiver = op.walk.row_of(j);
  for (int64_t c = lane; c < stride; c += lanes)
    op.out[j * stride + c] =
        sender < 0 ? static_cast<T>(A(0))
                   : static_cast<T>(static_cast<A>(op.a[receiver * stride + c]) + static_cast<A>(op.b[sender * stride + c]));
}

}  // namespace heddle::cuda
