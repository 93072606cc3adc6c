// Sums over the edges of rows, some columns of one row or chunk at a time, edges shared among `parts` groups of lanes. An Op
// says what is summed: T and I, walk, out, partial, heads, width, scale(row), and
// take<V, MAX>(row, begin, end, step, column, running) for positions begin, begin + step, ... below end.
#pragma once
#include <cmath>

#include "pack.hpp"
#include "walk.hpp"

namespace heddle::cuda {

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

template <class Op, int V, bool MAX>
using running_t = Running<sum_t<typename Op::T>, V, MAX>;

// One part of row r: what lies before its whole chunks, what these came to, and what lies after.
template <int V, bool MAX, class Op>
HEDDLE_HD running_t<Op, V, MAX> sum_row(const Op& op, int64_t r, int column, int part, int parts) {
  using Place = place_t<typename Op::I>;
  const auto cut = op.walk.cut(r);
  running_t<Op, V, MAX> running;
  Place begin = cut.begin, end = cut.head();
#if defined(__CUDACC__)
#pragma unroll 1
#endif
  for (;;) {
    op.template take<V, MAX>(r, begin + part, end, parts, column, running);
    if (end == cut.end) return running;
    for (Place c = cut.first() + part; c < cut.last(); c += parts) {
      const auto* const from = op.partial + c * (op.heads * op.width) + column;
      for (int v = 0; v < V; ++v) running.take(v, from[v]);
      running.first = false;
    }
    begin = cut.tail(), end = cut.end;
    if (begin == end) return running;
  }
}

// One part of a whole chunk.
template <int V, bool MAX, class Op>
HEDDLE_HD running_t<Op, V, MAX> sum_chunk(const Op& op, int64_t c, int column, int part, int parts) {
  using Place = place_t<typename Op::I>;
  running_t<Op, V, MAX> running;
  const auto begin = static_cast<Place>(c * CHUNK);
  const int64_t row = Op::NEEDS_ROW ? op.walk.row_of(c * CHUNK) : 0;
  op.template take<V, MAX>(row, begin + part, begin + static_cast<Place>(CHUNK), parts, column, running);
  return running;
}

// What nothing was taken of for a maximum counts as its least value.
template <int V, bool MAX, class Op>
HEDDLE_HD void keep_chunk(const Op& op, int64_t c, int column, const running_t<Op, V, MAX>& running) {
  using A = sum_t<typename Op::T>;
  A* const to = op.partial + c * op.heads * op.width + column;
  for (int v = 0; v < V; ++v) to[v] = MAX && running.first ? -static_cast<A>(INFINITY) : running.sum[v];
}

template <int V, bool MAX, class Op>
HEDDLE_HD void write_row(const Op& op, int64_t r, int column, const running_t<Op, V, MAX>& running) {
  using T = typename Op::T;
  const sum_t<T> scale = op.scale(r);
  Pack<T, V> result;
  for (int v = 0; v < V; ++v) result.at[v] = static_cast<T>(running.sum[v] * scale);
  *reinterpret_cast<Pack<T, V>*>(op.out + r * op.heads * op.width + column) = result;
}

}  // namespace heddle::cuda
