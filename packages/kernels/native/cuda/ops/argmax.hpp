// Sums over the elements that attain a maximum; see heddle_spmm_argmax in heddle_kernels.h.
#pragma once
#include "sums.hpp"

namespace heddle::cuda {

// Whether x weight, rounded as the maximum was, is that maximum; NaN equals NaN.
template <class T>
HEDDLE_HD bool attains(T x, sum_t<T> weight, T largest) {
  using A = sum_t<T>;
  const A message = static_cast<A>(static_cast<T>(static_cast<A>(x) * weight)), most = static_cast<A>(largest);
  return message == most || (message != message && most != most);
}

template <class T_, class I_>
struct Argmax {
  using T = T_;
  using I = I_;
  static constexpr bool NEEDS_ROW = true;

  Walk<I> walk;
  const T *weight, *x, *largest;
  const T *factor, *value;  // spmm_argmax: either may be NULL; sddmm_argmax: a and b
  T* out;
  sum_t<T>* partial;  // spmm_argmax: [chunks, heads * width]
  int64_t heads, width;
  bool transposed;  // rows are senders

  template <int V, bool MAX>
  HEDDLE_HD void take(int64_t r, place_t<I> begin, place_t<I> end, int step, int column,
                      Running<sum_t<T>, V, MAX>& running) const {
    using A = sum_t<T>;
    const int64_t stride = heads * width, head = column / width;
    const auto at = [](const T* from) { return *reinterpret_cast<const Pack<T, V>*>(from); };
    if (begin >= end) return;
    const Pack<T, V> near = at((transposed ? x : largest) + r * stride + column);
    for (place_t<I> j = begin; j < end; j += step) {
      const int64_t other = walk.other(j), e = walk.edge(j);
      if (other < 0 || e < 0) continue;
      const A scale = weight ? static_cast<A>(weight[e * heads + head]) : A(1);
      const A times = factor ? static_cast<A>(factor[e * heads + head]) : A(1);
      const Pack<T, V> far = at((transposed ? largest : x) + other * stride + column);
      Pack<T, V> terms;
      if (value) terms = at(value + other * stride + column);
      for (int v = 0; v < V; ++v)
        if (attains(transposed ? near.at[v] : far.at[v], scale, transposed ? far.at[v] : near.at[v]))
          running.take(v, (value ? static_cast<A>(terms.at[v]) : A(1)) * times);
    }
  }

  HEDDLE_HD sum_t<T> scale(int64_t) const { return 1; }
};

// A lane's part of edge j in head `head`: a of the receiver times b of the sender.
template <class T, class I>
HEDDLE_HD sum_t<T> sddmm_argmax(const Argmax<T, I>& op, int64_t j, int64_t head, int lane, int lanes) {
  using A = sum_t<T>;
  const int64_t other = op.walk.other(j), e = op.walk.edge(j);
  if (other < 0 || e < 0) return 0;
  const int64_t stride = op.heads * op.width, row = op.walk.row_of(j);
  const int64_t sender = (op.transposed ? row : other) * stride + head * op.width;
  const int64_t receiver = (op.transposed ? other : row) * stride + head * op.width;
  const A weight = op.weight ? static_cast<A>(op.weight[e * op.heads + head]) : A(1);
  A sum = 0;
  for (int64_t c = lane; c < op.width; c += lanes)
    if (attains(op.x[sender + c], weight, op.largest[receiver + c]))
      sum += static_cast<A>(op.factor[receiver + c]) * static_cast<A>(op.value[sender + c]);
  return sum;
}

}  // namespace heddle::cuda
