// Matrix products of many rows by small matrices. The right-hand side is packed, widened and padded with zeros, in panels
// of a few vectors; a tile of rows by one panel is accumulated in registers. Rows are read where they lie.
#include "kernels.hpp"
#include "simd.hpp"

namespace heddle {
namespace HEDDLE_ISA {
namespace {

// Most vectors in a panel, and rows in a tile by vectors in its panel: as many as the registers hold.
#if defined(__AVX512F__)
constexpr int MOST = 4;
constexpr int ROWS[] = {0, 16, 12, 8, 6};
#else
constexpr int MOST = 2;
constexpr int ROWS[] = {0, 8, 6};
#endif

// A panel of `columns` columns of a row-major matrix (or, `transposed`, of `columns` rows), N vectors wide.
template <class T> void pack(const T* from, int64_t stride, int64_t k, int64_t columns, bool transposed, acc_t<T>* to,
                             int64_t width) {
  constexpr int W = LANES<acc_t<T>>;
  for (int64_t i = 0; i < k; ++i, to += width) {
    int64_t j = 0;
    if (!transposed)
      for (; j + W <= columns; j += W) store<W>(to + j, load<W>(from + i * stride + j));
    for (; j < columns; ++j) to[j] = load<1>(transposed ? from + j * stride + i : from + i * stride + j);
    for (; j < width; ++j) to[j] = 0;
  }
}

// Tile of R rows: start + a panel, where a(i, k) is a[i stride + k], or a[k stride + i] if Columns.
template <class A, int R, int N, bool Columns>
HEDDLE_INLINE void multiply(const A* a, int64_t stride, const A* panel, int64_t k, vec<A, LANES<A>> (&sum)[R][N]) {
  constexpr int W = LANES<A>;
  for (int64_t i = 0; i < k; ++i) {
    if (Columns)
      __builtin_prefetch(a + (i + k) * stride, 0, 2);  // the next block of rows
    else
      __builtin_prefetch(a + R * stride + i * R);  // the next tile, which follows this one
    vec<A, W> b[N];
    HEDDLE_UNROLL for (int v = 0; v < N; ++v) b[v] = load<W>(panel + (i * N + v) * W);
    HEDDLE_UNROLL for (int r = 0; r < R; ++r) {
      const vec<A, W> value = broadcast<A, W>(Columns ? a[i * stride + r] : a[r * stride + i]);
      HEDDLE_UNROLL for (int v = 0; v < N; ++v) sum[r][v] += value * b[v];
    }
  }
}

// R rows of out [*, columns] = start + a panel, or += if `add`.
template <class T, int R, int N>
void tile(const acc_t<T>* a, int64_t stride, const acc_t<T>* panel, const acc_t<T>* start, int64_t k, T* out,
          int64_t out_stride, int64_t columns, bool add) {
  using A = acc_t<T>;
  constexpr int W = LANES<A>;
  vec<A, W> sum[R][N];
  HEDDLE_UNROLL for (int r = 0; r < R; ++r)
    HEDDLE_UNROLL for (int v = 0; v < N; ++v) sum[r][v] = load<W>(start + v * W);
  multiply<A, R, N, false>(a, stride, panel, k, sum);
  HEDDLE_UNROLL for (int r = 0; r < R; ++r)
    HEDDLE_UNROLL for (int v = 0; v < N; ++v) {
      T* const to = out + r * out_stride + v * W;
      if ((v + 1) * W <= columns) {
        store<W>(to, add ? sum[r][v] + load<W>(to) : sum[r][v]);
      } else {
        A lanes[W];
        std::memcpy(lanes, &sum[r][v], sizeof lanes);
        for (int64_t j = 0; j < columns - v * W; ++j) store<1>(to + j, add ? lanes[j] + load<1>(to + j) : lanes[j]);
      }
    }
}

// Rows of out += columns of a, transposed, times the panel, whose rows are summed apart: a sum of very many rows is one of
// blocks.
template <class A, int R, int N>
void add_tile(const A* a, int64_t stride, const A* panel, int64_t k, A* out, int64_t out_stride) {
  constexpr int W = LANES<A>;
  vec<A, W> sum[R][N];
  HEDDLE_UNROLL for (int r = 0; r < R; ++r)
    HEDDLE_UNROLL for (int v = 0; v < N; ++v) sum[r][v] = broadcast<A, W>(0);
  multiply<A, R, N, true>(a, stride, panel, k, sum);
  HEDDLE_UNROLL for (int r = 0; r < R; ++r)
    HEDDLE_UNROLL for (int v = 0; v < N; ++v) {
      A* const to = out + r * out_stride + v * W;
      store<W>(to, load<W>(to) + sum[r][v]);
    }
}

// Call body<R>(first row) over `rows` rows in tiles of ROWS[N], then of 4, then single ones.
template <int N, class F> HEDDLE_INLINE void in_tiles(int64_t rows, F&& body) {
  int64_t r = 0;
  for (; r + ROWS[N] <= rows; r += ROWS[N]) body(std::integral_constant<int, ROWS[N]>{}, r);
  for (; r + 4 <= rows; r += 4) body(std::integral_constant<int, 4>{}, r);
  for (; r < rows; ++r) body(std::integral_constant<int, 1>{}, r);
}

// Call body<N>() for a panel of `vectors` vectors.
template <class F> HEDDLE_INLINE void with_panel(int64_t vectors, F&& body) {
  if (vectors == 1) return body(std::integral_constant<int, 1>{});
  if constexpr (MOST > 2) {
    if (vectors == 3) return body(std::integral_constant<int, 3>{});
    if (vectors == 4) return body(std::integral_constant<int, 4>{});
  }
  body(std::integral_constant<int, 2>{});
}

// Rows [first, last) of a as values of their accumulator: where they lie, or widened into `to`.
template <class T>
const acc_t<T>* widened(const T* a, int64_t first, int64_t last, int64_t k, acc_t<T>* to) {
  if constexpr (std::is_same_v<T, acc_t<T>>) {
    return a + first * k;
  } else {
    constexpr int W = LANES<acc_t<T>>;
    const int64_t count = (last - first) * k;
    int64_t i = 0;
    for (; i + W <= count; i += W) store<W>(to + i, load<W>(a + first * k + i));
    for (; i < count; ++i) to[i] = load<1>(a + first * k + i);
    return to;
  }
}

template <class T> void rows_of(const Product& p, int64_t first, int64_t last, acc_t<T>* scratch) {
  constexpr int64_t W = LANES<acc_t<T>>;
  acc_t<T>*const start = scratch, *const panel = start + MOST * W, *const wide = panel + p.k * MOST * W;
  const T *const b = static_cast<const T*>(p.b), *const bias = static_cast<const T*>(p.bias);
  T* const out = static_cast<T*>(p.out) + first * p.m;
  const acc_t<T>* const a = widened(static_cast<const T*>(p.a), first, last, p.k, wide);
  for (int64_t j = 0; j < p.m; j += MOST * W) {
    const int64_t columns = p.m - j < MOST * W ? p.m - j : MOST * W, vectors = (columns + W - 1) / W;
    const acc_t<T>* right = panel;
    if (std::is_same_v<T, acc_t<T>> && !p.transposed && p.m == vectors * W && j == 0)
      right = reinterpret_cast<const acc_t<T>*>(b);  // a matrix of one panel is packed as it lies
    else
      pack(p.transposed ? b + j * p.k : b + j, p.transposed ? p.k : p.m, p.k, columns, p.transposed, panel, vectors * W);
    for (int64_t c = 0; c < MOST * W; ++c) start[c] = bias && c < columns ? load<1>(bias + j + c) : acc_t<T>(0);
    with_panel(vectors, [&](auto n) {
      constexpr int N = decltype(n)::value;
      in_tiles<N>(last - first, [&](auto rows, int64_t r) {
        tile<T, decltype(rows)::value, N>(a + r * p.k, p.k, right, start, p.k, out + r * p.m + j, p.m, columns,
                                          p.add);
      });
    });
  }
}

template <class T> void outer_of(const Product& p, int64_t first, int64_t last, acc_t<T>* scratch, acc_t<T>* sums) {
  constexpr int64_t W = LANES<acc_t<T>>, BLOCK = 256;  // rows whose a stays in cache from one panel to the next
  acc_t<T>*const panel = scratch, *const wide = panel + BLOCK * MOST * W;
  const int64_t padded = (p.m + W - 1) / W * W;
  for (int64_t i = 0; !p.add && i < p.k * padded; ++i) sums[i] = 0;
  for (int64_t from = first; from < last; from += BLOCK) {
    const int64_t to = from + BLOCK < last ? from + BLOCK : last;
    const acc_t<T>* const a = widened(static_cast<const T*>(p.a), from, to, p.k, wide);
    for (int64_t j = 0; j < p.m; j += MOST * W) {
      const int64_t columns = p.m - j < MOST * W ? p.m - j : MOST * W, vectors = (columns + W - 1) / W;
      pack(static_cast<const T*>(p.b) + from * p.m + j, p.m, to - from, columns, false, panel, vectors * W);
      with_panel(vectors, [&](auto n) {
        constexpr int N = decltype(n)::value;
        in_tiles<N>(p.k, [&](auto rows, int64_t r) {
          add_tile<acc_t<T>, decltype(rows)::value, N>(a + r, p.k, panel, to - from, sums + r * padded + j, padded);
        });
      });
    }
  }
}

}  // namespace

int64_t matmul_lanes(int64_t dtype) { return dtype == HEDDLE_FLOAT64 ? LANES<double> : LANES<float>; }

int64_t matmul_scratch(const Product& p, int64_t rows, int64_t dtype) {
  const int64_t width = MOST * matmul_lanes(dtype), inner = p.k > 256 ? p.k : 256;
  return (inner + 1) * width + (size_of(dtype) < 4 ? rows * p.k : 0);
}

void matmul_rows(const Product& p, int64_t first, int64_t last, int64_t dtype, void* scratch) {
  with_dtype(dtype, [&](auto tag) {
    using T = untag<decltype(tag)>;
    rows_of<T>(p, first, last, static_cast<acc_t<T>*>(scratch));
  });
}

void outer_rows(const Product& p, int64_t first, int64_t last, int64_t dtype, void* scratch, void* sums) {
  with_dtype(dtype, [&](auto tag) {
    using T = untag<decltype(tag)>;
    outer_of<T>(p, first, last, static_cast<acc_t<T>*>(scratch), static_cast<acc_t<T>*>(sums));
  });
}

void outer_finish(const Product& p, const void* sums, int64_t parts, int64_t dtype) {
  with_dtype(dtype, [&](auto tag) {
    using T = untag<decltype(tag)>;
    constexpr int64_t W = LANES<acc_t<T>>;
    const int64_t padded = (p.m + W - 1) / W * W;
    const acc_t<T>* const all = static_cast<const acc_t<T>*>(sums);
    for (int64_t i = 0; i < p.k; ++i)
      for (int64_t j = 0; j < p.m; ++j) {
        acc_t<T> sum = 0;
        for (int64_t part = 0; part < parts; ++part) sum += all[(part * p.k + i) * padded + j];
        store<1>(static_cast<T*>(p.out) + i * p.m + j, sum);
      }
  });
}

}  // namespace HEDDLE_ISA
}  // namespace heddle
