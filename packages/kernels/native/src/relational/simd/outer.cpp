// Outer products of rows, summed: a tile of the sums stays in registers while a block of rows goes by.
#include "rows.hpp"

namespace heddle {
namespace HEDDLE_ISA {
namespace {

// Rows [k, k + R) and vectors [v, v + N) of the sums.
template <class A, int R, int N>
HEDDLE_INLINE void tile(const RowOuter& o, const A* const* left, const A* const* right, int64_t rows, int64_t k, int64_t v) {
  const int64_t ahead = o.left.ids ? 0 : rows * o.left.stride;  // to the next block, which comes next
  constexpr int W = LANES<A>;
  A* const sums = static_cast<A*>(o.sums) + k * o.width + v * W;
  vec<A, W> sum[R][N];
  HEDDLE_UNROLL for (int r = 0; r < R; ++r)
    HEDDLE_UNROLL for (int n = 0; n < N; ++n) sum[r][n] = load<W>(sums + r * o.width + n * W);
  for (int64_t i = 0; i < rows; ++i) {
    const A *a = left[i] + k, *b = right[i] + v * W;
    keep_base(a), keep_base(b);
    __builtin_prefetch(a + ahead, 0, 3);
    vec<A, W> value[N];
    HEDDLE_UNROLL for (int n = 0; n < N; ++n) value[n] = load<W>(b + n * W);
    HEDDLE_UNROLL for (int r = 0; r < R; ++r) {
      const vec<A, W> factor = broadcast<A, W>(a[r]);
      HEDDLE_UNROLL for (int n = 0; n < N; ++n) sum[r][n] += factor * value[n];
    }
  }
  HEDDLE_UNROLL for (int r = 0; r < R; ++r)
    HEDDLE_UNROLL for (int n = 0; n < N; ++n) store<W>(sums + r * o.width + n * W, sum[r][n]);
}

template <class A> void outer(const RowOuter& o, int64_t first, int64_t last) {
  const RowAt<const A> left_at(o.left, o.index), right_at(o.right, o.index);
  const A *left[BLOCK], *right[BLOCK];
  const int64_t rows = last - first, vectors = o.width / LANES<A>;
  for (int64_t i = 0; i < rows; ++i) left[i] = left_at(first + i), right[i] = right_at(first + i);
  for (int64_t v = 0; v < vectors; v += PANEL)
    with_vectors(vectors - v < PANEL ? vectors - v : PANEL, [&](auto n) {
      constexpr int N = decltype(n)::value;
      with_tiles<SUMS[N]>(o.k, [&](auto tall, int64_t k) {
        tile<A, decltype(tall)::value, N>(o, left, right, rows, k, v);
      });
    });
}

}  // namespace

void relational_outer(const RowOuter& o, int64_t first, int64_t last) {
  with_value(o.dtype, [&](auto value) { outer<decltype(value)>(o, first, last); });
}

}  // namespace HEDDLE_ISA
}  // namespace heddle
