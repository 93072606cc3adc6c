// spmm, some columns of one row at a time.
#pragma once
#include "walk.hpp"

namespace heddle::cuda {

template <class T, class I>
struct Spmm {
  Walk<I> walk;
  const T *weight, *x;
  T* out;
  int64_t heads, width;
  int64_t reduce;
};

template <class T, int V>
struct alignas(sizeof(T) * V) Pack {
  T at[V];
};

constexpr int BATCH = 4;  // rows of x asked for before the first is used

template <class T, int V, bool MAX>
HEDDLE_HD void take(sum_t<T> (&sum)[V], const Pack<T, V>& row, sum_t<T> weight, bool first) {
  for (int v = 0; v < V; ++v) {
    const sum_t<T> message = static_cast<sum_t<T>>(row.at[v]) * weight;
    if constexpr (MAX)
      sum[v] = first || message > sum[v] || message != message ? message : sum[v];
    else
      sum[v] += message;
  }
}

// Columns [column, column + V) of row r, all of one head.
template <class T, class I, int V, bool MAX>
HEDDLE_HD void spmm_row(const Spmm<T, I>& op, int64_t r, int64_t column) {
  using A = sum_t<T>;
  const int64_t stride = op.heads * op.width, head = column / op.width;
  const T* const x = op.x + column;
  int64_t begin, end;
  op.walk.row(r, begin, end);
  A sum[V];
  for (int v = 0; v < V; ++v) sum[v] = 0;
  bool first = true;
  for (int64_t j = begin; j < end; j += BATCH) {
    int64_t ids[BATCH];
    A weights[BATCH];
    Pack<T, V> rows[BATCH];
    for (int b = 0; b < BATCH; ++b) {
      ids[b] = j + b < end ? op.walk.other(j + b) : -1;
      weights[b] = 1;
      if (!op.weight || ids[b] < 0) continue;
      const int64_t e = op.walk.edge(j + b);
      if (e < 0)
        ids[b] = -1;
      else
        weights[b] = static_cast<A>(op.weight[e * op.heads + head]);
    }
    for (int b = 0; b < BATCH; ++b)
      if (ids[b] >= 0) rows[b] = *reinterpret_cast<const Pack<T, V>*>(x + ids[b] * stride);
    for (int b = 0; b < BATCH; ++b) {
      if (ids[b] < 0) continue;
      take<T, V, MAX>(sum, rows[b], weights[b], first);
      first = false;
    }
  }
  const A scale = op.reduce == HEDDLE_MEAN && end > begin ? A(1) / static_cast<A>(end - begin) : A(1);
  Pack<T, V> result;
  for (int v = 0; v < V; ++v) result.at[v] = static_cast<T>(sum[v] * scale);
  *reinterpret_cast<Pack<T, V>*>(op.out + r * stride + column) = result;
}

}  // namespace heddle::cuda
