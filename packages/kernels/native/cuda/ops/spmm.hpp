// spmm: weighted rows of x summed, or their maximum.
#pragma once
#include "sums.hpp"

namespace heddle::cuda {

template <class T_, class I_>
struct Spmm {
  using T = T_;
  using I = I_;
  static constexpr bool NEEDS_ROW = false;

  Walk<I> walk;
  const T *weight, *x;
  T* out;
  sum_t<T>* partial;  // [chunks, heads * width]
  int64_t heads, width;
  int64_t reduce;

  // Columns [column, column + V) are all of one head.
  template <int V, bool MAX>
  HEDDLE_HD void take(int64_t, place_t<I> begin, place_t<I> end, int step, int column, Running<sum_t<T>, V, MAX>& running) const {
    using A = sum_t<T>;
    const int stride = static_cast<int>(heads * width);
    for (place_t<I> j = begin; j < end; j += BATCH * step) {
      I ids[BATCH];
      Pack<T, V> rows[BATCH];
      A weights[BATCH];
      for (int b = 0; b < BATCH; ++b) {
        const place_t<I> at = j + b * step;
        ids[b] = at < end ? static_cast<I>(walk.other(at)) : I(-1);
        weights[b] = 1;
        if (!weight || ids[b] < 0) continue;
        const int64_t e = walk.edge(at);
        if (e < 0)
          ids[b] = -1;
        else
          weights[b] = static_cast<A>(weight[e * heads + column / static_cast<int>(width)]);
      }
      for (int b = 0; b < BATCH; ++b)
        if (ids[b] >= 0) rows[b] = *reinterpret_cast<const Pack<T, V>*>(x + static_cast<int64_t>(ids[b]) * stride + column);
      for (int b = 0; b < BATCH; ++b) {
        if (ids[b] < 0) continue;
        for (int v = 0; v < V; ++v) running.take(v, static_cast<A>(rows[b].at[v]) * weights[b]);
        running.first = false;
      }
    }
  }

  HEDDLE_HD sum_t<T> scale(int64_t r) const {
    using A = sum_t<T>;
    const int64_t degree = static_cast<int64_t>(walk.indptr[r + 1]) - walk.indptr[r];
    return reduce == HEDDLE_MEAN && degree > 0 ? A(1) / static_cast<A>(degree) : A(1);
  }
};

}  // namespace heddle::cuda
