// sddmm, one edge and head at a time, shared among `lanes` lanes.
#pragma once
#include "pack.hpp"
#include "walk.hpp"

namespace heddle::cuda {

template <class T, class I>
struct Sddmm {
  Walk<I> walk;
  const T *a, *b;
  T* out;
  int64_t heads, width;
};

// DOT: a lane's part of the product of edge j, which enters `row`, in head `head`, V columns at a time.
template <class T, class I, int V>
HEDDLE_HD sum_t<T> sddmm_dot(const Sddmm<T, I>& op, int64_t row, int64_t j, int64_t head, int lane, int lanes) {
  using A = sum_t<T>;
  const int64_t sender = op.walk.other(j);
  if (sender < 0) return 0;
  const int64_t stride = op.heads * op.width;
  const auto* const a = reinterpret_cast<const Pack<T, V>*>(op.a + row * stride + head * op.width);
  const auto* const b = reinterpret_cast<const Pack<T, V>*>(op.b + sender * stride + head * op.width);
  A sum = 0;
  for (int64_t p = lane; p < op.width / V; p += lanes) {
    const Pack<T, V> left = a[p], right = b[p];
    for (int v = 0; v < V; ++v) sum += static_cast<A>(left.at[v]) * static_cast<A>(right.at[v]);
  }
  return sum;
}

// ADD: a lane's columns of edge j, V at a time; 0 where the sender is out of range.
template <class T, class I, int V>
HEDDLE_HD void sddmm_add(const Sddmm<T, I>& op, int64_t row, int64_t j, int lane, int lanes) {
  using A = sum_t<T>;
  const int64_t sender = op.walk.other(j), packs = op.heads * op.width / V;
  const auto* const a = reinterpret_cast<const Pack<T, V>*>(op.a) + row * packs;
  const auto* const b = reinterpret_cast<const Pack<T, V>*>(op.b) + (sender < 0 ? 0 : sender) * packs;
  for (int64_t p = lane; p < packs; p += lanes) {
    Pack<T, V> sum{};
    if (sender >= 0) {
      const Pack<T, V> left = a[p], right = b[p];
      for (int v = 0; v < V; ++v) sum.at[v] = static_cast<T>(static_cast<A>(left.at[v]) + static_cast<A>(right.at[v]));
    }
    reinterpret_cast<Pack<T, V>*>(op.out)[j * packs + p] = sum;
  }
}

}  // namespace heddle::cuda
