// Rows times a packed matrix: a tile of rows by a panel of a few vectors is accumulated in registers.
#include "rows.hpp"

namespace heddle {
namespace HEDDLE_ISA {
namespace {

constexpr int64_t NEAR = 60;  // rows that stay in cache from one panel to the next

// R rows by N vectors, from vector `v` of the product on, while the rows after them, up to `last`, are brought near.
// `whole`: no row of out ends within a vector.
template <class A, int R, int N, bool whole>
HEDDLE_INLINE void tile(const RowProduct& p, const RowAt<const A>& lhs, const RowAt<A>& out, int64_t v, int64_t row,
                        int64_t last) {
  constexpr int W = LANES<A>, LINE = 64 / sizeof(A);
  const A* const panel = static_cast<const A*>(p.packed) + v * W * p.k;
  const A *from[R], *next[R];
  const bool far = p.k > 2 * LINE;
  if (far) HEDDLE_UNROLL for (int r = 0; r < R; ++r) next[r] = lhs(row + R + r < last ? row + R + r : last - 1);
  vec<A, W> sum[R][N];
  HEDDLE_UNROLL for (int r = 0; r < R; ++r) from[r] = lhs(row + r);
  HEDDLE_UNROLL for (int r = 0; r < R; ++r)
    HEDDLE_UNROLL for (int n = 0; n < N; ++n) sum[r][n] = broadcast<A, W>(0);
  for (int64_t k = 0; k < p.k;) {
    if (far) HEDDLE_UNROLL for (int r = 0; r < R; ++r) __builtin_prefetch(next[r] + k, 0, 3);
    for (const int64_t stop = far && k + LINE < p.k ? k + LINE : p.k; k < stop; ++k) {
      vec<A, W> b[N];
      HEDDLE_UNROLL for (int n = 0; n < N; ++n) b[n] = load<W>(panel + (k * N + n) * W);
      HEDDLE_UNROLL for (int r = 0; r < R; ++r) {
        const vec<A, W> a = broadcast<A, W>(from[r][k]);
        HEDDLE_UNROLL for (int n = 0; n < N; ++n) sum[r][n] += a * b[n];
      }
    }
  }
  const A *const scale = static_cast<const A*>(p.scale), *const start = static_cast<const A*>(p.start);
  int64_t position[N], left[N];
  HEDDLE_UNROLL for (int n = 0; n < N; ++n) {
    const int64_t group = (v + n) / p.group, column = (v + n - group * p.group) * W;
    position[n] = group * p.group_stride + column, left[n] = p.columns - column;
  }
  HEDDLE_UNROLL for (int r = 0; r < R; ++r) {  // one after the other: rows of out may be the same
    A* const to = out(row + r);
    HEDDLE_UNROLL for (int n = 0; n < N; ++n) {
      if (scale) sum[r][n] *= broadcast<A, W>(scale[row + r]);
      if (start) sum[r][n] += load<W>(start + (v + n) * W);
      if constexpr (whole) {
        if (p.add) sum[r][n] += load<W>(to + position[n]);
        store<W>(to + position[n], sum[r][n]);
      } else {
        if (p.add) sum[r][n] += load_some<A, W>(to + position[n], left[n]);
        store_some<A, W>(to + position[n], sum[r][n], left[n]);
      }
    }
  }
}

template <class A, bool whole> void product(const RowProduct& p, int64_t first, int64_t last) {
  const int64_t vectors = p.width / LANES<A>;
  const RowAt<const A> lhs(p.lhs, p.index);
  const RowAt<A> out(p.out, p.index);
  for (int64_t from = first; from < last; from += NEAR) {
    const int64_t to = from + NEAR < last ? from + NEAR : last;
    for (int64_t v = 0; v < vectors; v += PANEL)
      with_vectors(vectors - v < PANEL ? vectors - v : PANEL, [&](auto n) {
        constexpr int N = decltype(n)::value;
        with_tiles<TILE[N]>(to - from, [&](auto rows, int64_t r) {
          tile<A, decltype(rows)::value, N, whole>(p, lhs, out, v, from + r, last);
        });
      });
  }
}

}  // namespace

int64_t relational_lanes(int64_t dtype) { return dtype == HEDDLE_FLOAT64 ? LANES<double> : LANES<float>; }

void relational_pack(const Packing& p) {
  with_value(p.dtype, [&](auto value) {
    using A = decltype(value);
    A* packed = static_cast<A*>(p.to);
    const int64_t total = p.width * p.groups, most = PANEL * LANES<A>;
    if (!p.transposed && p.columns == p.width && p.groups == 1 && total <= most) {  // packed as it is
      if (p.k) std::memcpy(packed, p.matrices[0], static_cast<size_t>(p.k * total) * sizeof(A));
      return;
    }
    for (int64_t j = 0; j < total; j += most) {
      const int64_t to = total - j < most ? total : j + most;
      for (int64_t i = 0; i < p.k; ++i)
        for (int64_t at = j; at < to;) {
          const A* const from = static_cast<const A*>(p.matrices[at / p.width]);
          const int64_t end = (at / p.width + 1) * p.width, first = at % p.width - at;
          for (; at < to && at < end; ++at) {
            const int64_t column = first + at;
            *packed++ = column >= p.columns ? A(0) : p.transposed ? from[column * p.k + i] : from[i * p.columns + column];
          }
        }
    }
  });
}

void relational_product(const RowProduct& p, int64_t first, int64_t last) {
  with_value(p.dtype, [&](auto value) {
    using A = decltype(value);
    p.columns % LANES<A> == 0 ? product<A, true>(p, first, last) : product<A, false>(p, first, last);
  });
}

}  // namespace HEDDLE_ISA
}  // namespace heddle
