// spmm, some columns of one row or chunk at a time, its edges shared among `parts` groups of lanes.
#pragma once
#include <cmath>

#include "pack.hpp"
#include "walk.hpp"

namespace heddle::cuda {

template <class T, class I>
struct Spmm {
  Walk<I> walk;
  const T *weight, *x;
  T* out;
  sum_t<T>* partial;  // [chunks, heads * width]
  int64_t heads, width;
  int64_t reduce;
};

constexpr int BATCH = 4;  // rows of x asked for before the first is used

// A reduction under way in V columns.
template <class A, int V, bool MAX>
struct Running {
  A sum[V];
  bool first = true;  // of a maximum: nothing was taken yet

  HEDDLE_HD Running() {
    for (int v = 0; v < V; ++v) sum[v] = 0;
  }
  HEDDLE_HD void take(int v, A value) {
    if constexpr (MAX)
      sum[v] = first || value > sum[v] || value != value ? value : sum[v];
    else
      sum[v] += value;
  }
  HEDDLE_HD void join(const Running& other) {
    if (MAX && other.first) return;
    for (int v = 0; v < V; ++v) take(v, other.sum[v]);
    first = false;
  }
};

// Take positions begin, begin + step, ... below end, in columns [column, column + V), all of one head.
template <class T, class I, int V, bool MAX>
HEDDLE_HD void spmm_take(const Spmm<T, I>& op, place_t<I> begin, place_t<I> end, int step, int column,
                         Running<sum_t<T>, V, MAX>& running) {
  using A = sum_t<T>;
  const int stride = static_cast<int>(op.heads * op.width);
  for (place_t<I> j = begin; j < end; j += BATCH * step) {
    I ids[BATCH];
    Pack<T, V> rows[BATCH];
    A weights[BATCH];
    for (int b = 0; b < BATCH; ++b) {
      const place_t<I> at = j + b * step;
      ids[b] = at < end ? static_cast<I>(op.walk.other(at)) : I(-1);
      weights[b] = 1;
      if (!op.weight || ids[b] < 0) continue;
      const int64_t e = op.walk.edge(at);
      if (e < 0)
        ids[b] = -1;
      else
        weights[b] = static_cast<A>(op.weight[e * op.heads + column / static_cast<int>(op.width)]);
    }
    for (int b = 0; b < BATCH; ++b)
      if (ids[b] >= 0) rows[b] = *reinterpret_cast<const Pack<T, V>*>(op.x + static_cast<int64_t>(ids[b]) * stride + column);
    for (int b = 0; b < BATCH; ++b) {
      if (ids[b] < 0) continue;
      for (int v = 0; v < V; ++v) running.take(v, static_cast<A>(rows[b].at[v]) * weights[b]);
      running.first = false;
    }
  }
}

// One part of row r: what lies before its whole chunks, what these came to, and what lies after.
template <class T, class I, int V, bool MAX>
HEDDLE_HD Running<sum_t<T>, V, MAX> spmm_row(const Spmm<T, I>& op, int64_t r, int column, int part, int parts) {
  const auto cut = op.walk.cut(r);
  Running<sum_t<T>, V, MAX> running;
  place_t<I> begin = cut.begin, end = cut.head();
#if defined(__CUDACC__)
#pragma unroll 1
#endif
  for (;;) {
    spmm_take(op, begin + part, end, parts, column, running);
    if (end == cut.end) return running;
    for (place_t<I> c = cut.first() + part; c < cut.last(); c += parts) {
      const sum_t<T>* const from = op.partial + c * (op.heads * op.width) + column;
      for (int v = 0; v < V; ++v) running.take(v, from[v]);
      running.first = false;
    }
    begin = cut.tail(), end = cut.end;
    if (begin == end) return running;
  }
}

// One part of a whole chunk.
template <class T, class I, int V, bool MAX>
HEDDLE_HD Running<sum_t<T>, V, MAX> spmm_chunk(const Spmm<T, I>& op, int64_t c, int column, int part, int parts) {
  Running<sum_t<T>, V, MAX> running;
  const auto begin = static_cast<place_t<I>>(c * CHUNK);
  spmm_take(op, begin + part, begin + static_cast<place_t<I>>(CHUNK), parts, column, running);
  return running;
}

// What nothing was taken of for a maximum counts as its least value.
template <class T, class I, int V, bool MAX>
HEDDLE_HD void spmm_keep(const Spmm<T, I>& op, int64_t c, int column, const Running<sum_t<T>, V, MAX>& running) {
  sum_t<T>* const to = op.partial + c * op.heads * op.width + column;
  for (int v = 0; v < V; ++v) to[v] = MAX && running.first ? -static_cast<sum_t<T>>(INFINITY) : running.sum[v];
}

template <class T, class I, int V, bool MAX>
HEDDLE_HD void spmm_write(const Spmm<T, I>& op, int64_t r, int column, const Running<sum_t<T>, V, MAX>& running) {
  using A = sum_t<T>;
  const int64_t degree = static_cast<int64_t>(op.walk.indptr[r + 1]) - op.walk.indptr[r];
  const A scale = op.reduce == HEDDLE_MEAN && degree > 0 ? A(1) / static_cast<A>(degree) : A(1);
  Pack<T, V> result;
  for (int v = 0; v < V; ++v) result.at[v] = static_cast<T>(running.sum[v] * scale);
  *reinterpret_cast<Pack<T, V>*>(op.out + r * op.heads * op.width + column) = result;
}

}  // namespace heddle::cuda
