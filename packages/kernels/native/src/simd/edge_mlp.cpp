// Edges through an MLP of one hidden layer, in tiles that stay in cache: what their ends send is gathered, multiplied and
// summed by receiver without a row of the hidden layer ever leaving it. The gradient computes that layer again. Sums over many
// tiles are kept with what their additions lost.
#include "kernels.hpp"
#include "simd.hpp"

namespace heddle {
namespace HEDDLE_ISA {
namespace {

constexpr int64_t TILE = 256;

// to = a + b, or to += b.
template <class T> HEDDLE_INLINE void add(const T* a, const T* b, T* to, int64_t n) {
  constexpr int W = LANES<T>;
  int64_t i = 0;
  for (; i + W <= n; i += W) store<W>(to + i, load<W>(a + i) + load<W>(b + i));
  for (; i < n; ++i) to[i] = a[i] + b[i];
}

// to = gate > 0 ? value : 0.
template <class T> HEDDLE_INLINE void pass(const T* gate, const T* value, T* to, int64_t n) {
  constexpr int W = LANES<T>;
  const vec<T, W> zero = broadcast<T, W>(0);
  int64_t i = 0;
  for (; i + W <= n; i += W) store<W>(to + i, load<W>(gate + i) > zero ? load<W>(value + i) : zero);
  for (; i < n; ++i) to[i] = gate[i] > 0 ? value[i] : T(0);
}

// A tile: `count` edges from `from` on, each with its receiver; the first receiver's edges may have begun in the tile before.
struct Tile {
  int64_t from, count;
  bool continues;
  int64_t rows[TILE];
};

// Call body(tile) for the edges of rows [first, last).
template <class F> void in_tiles(const EdgeMlp& op, int64_t first, int64_t last, F&& body) {
  const Ids indptr(op.walk.indptr, op.walk.index);
  Tile tile;
  int64_t row = first;
  for (int64_t end = indptr[last], e = indptr[first]; e < end; e += TILE) {
    tile.from = e, tile.count = end - e < TILE ? end - e : TILE;
    for (int64_t t = 0; t < tile.count; ++t) {
      while (indptr[row + 1] <= e + t) ++row;
      tile.rows[t] = row;
    }
    tile.continues = e > indptr[tile.rows[0]];
    body(tile);
  }
}

// Call body(t, row at the sender's id) for the edges of a tile, senders to come being prefetched.
template <class T, class F> HEDDLE_INLINE void with_senders(const EdgeMlp& op, const Tile& tile, const T* x, int64_t width, F&& body) {
  const Ids ids(op.walk.ids, op.walk.index);
  for (int64_t t = 0; t < tile.count; ++t) {
    const int64_t later = t + AHEAD < tile.count ? t + AHEAD : t;
    prefetch(x + ids[tile.from + later] * width, width * static_cast<int64_t>(sizeof(T)));
    body(t, x + ids[tile.from + t] * width);
  }
}

// The hidden layer of a tile, before its activation.
template <class T> void hidden(const EdgeMlp& op, const Tile& tile, T* h, void* scratch) {
  const T* const received = static_cast<const T*>(op.received);
  with_senders<T>(op, tile, static_cast<const T*>(op.sent), op.hidden,
                  [&](int64_t t, const T* sent) { add(received + tile.rows[t] * op.hidden, sent, h + t * op.hidden, op.hidden); });
  if (op.in > 0)
    matmul_rows({static_cast<const T*>(op.edges) + tile.from * op.in, op.first, nullptr, h, tile.count, op.in, op.hidden, false, true},
                0, tile.count, op.dtype, scratch);
}

template <class T> void clear(T* to, int64_t count) {
  for (int64_t i = 0; i < count; ++i) to[i] = T(0);
}

// Sums of `width` columns over many rows: `block` is of some, and added to the sum with what the additions before lost.
template <class T> struct LongSum {
  T *lost, *block;
  int64_t width;

  LongSum(T* memory, int64_t columns) : lost(memory), block(memory + columns), width(columns) {
    clear(memory, 2 * columns);
  }
  // sum += block, and the next one begins.
  void fold(T* sum) {
    constexpr int W = LANES<T>;
    int64_t i = 0;
    for (; i + W <= width; i += W) fold<W>(sum, i);
    for (; i < width; ++i) fold<1>(sum, i);
  }

 private:
  template <int W> HEDDLE_INLINE void fold(T* sum, int64_t i) {
    Blocks<T, W> blocks{load<W>(sum + i), load<W>(lost + i)};
    vec<T, W> term = load<W>(block + i);
    blocks.take(term);
    store<W>(sum + i, blocks.total), store<W>(lost + i, blocks.lost), store<W>(block + i, term);
  }
};

// sums[receiver] += row of the tile.
template <class T> void collect(const Tile& tile, const T* rows, T* sums, LongSum<T>& open) {
  const int64_t width = open.width;
  int64_t t = 0;
  if (tile.continues) {
    for (; t < tile.count && tile.rows[t] == tile.rows[0]; ++t) add(open.block, rows + t * width, open.block, width);
    open.fold(sums + tile.rows[0] * width);
  }
  if (t == tile.count) return;
  clear(open.lost, width);  // of another receiver
  for (; t < tile.count; ++t) {
    T* const sum = sums + tile.rows[t] * width;
    add(sum, rows + t * width, sum, width);
  }
}

template <class T> void forward(const EdgeMlp& op, int64_t first, int64_t last, T* memory) {
  T *const h = memory, *const total = static_cast<T*>(op.total);
  LongSum<T> open(memory + TILE * op.hidden, op.width);
  void* const scratch = open.block + op.width;
  clear(total + first * op.width, (last - first) * op.width);
  in_tiles(op, first, last, [&](const Tile& tile) {
    hidden<T>(op, tile, h, scratch);
    pass(h, h, h, tile.count * op.hidden);
    T* const out = static_cast<T*>(op.out) + tile.from * op.width;
    matmul_rows({h, op.second, op.bias, out, tile.count, op.hidden, op.width, false}, 0, tile.count, op.dtype, scratch);
    collect(tile, out, total, open);
  });
}

// Cotangent of the tile's edges: of themselves, and of the sums by receiver and by sender that they enter.
template <class T> void cotangent(const EdgeMlp& op, const EdgeMlpGrad& grad, const Tile& tile, T* g) {
  const T* const d_total = static_cast<const T*>(grad.d_total);
  for (int64_t t = 0; t < tile.count; ++t) {
    const T* const d_row = static_cast<const T*>(grad.d_out) + (tile.from + t) * op.width;
    if (d_total)
      add(d_row, d_total + tile.rows[t] * op.width, g + t * op.width, op.width);
    else
      std::memcpy(g + t * op.width, d_row, static_cast<size_t>(op.width) * sizeof(T));
  }
  if (grad.d_sent_total)
    with_senders<T>(op, tile, static_cast<const T*>(grad.d_sent_total), op.width,
                    [&](int64_t t, const T* more) { add(g + t * op.width, more, g + t * op.width, op.width); });
}

template <class T>
void backward(const EdgeMlp& op, const EdgeMlpGrad& grad, int64_t first, int64_t last, T* memory, T* sums) {
  T *const h = memory, *const g = h + TILE * op.hidden;
  LongSum<T> open(g + TILE * op.width, op.hidden);
  void* const scratch = open.block + op.hidden;
  const int64_t lanes = LANES<T>, hidden_padded = (op.hidden + lanes - 1) / lanes * lanes, count = edge_mlp_sums(op) / 3;
  LongSum<T> weights(sums + count, count);
  T *const d_first = weights.block, *const d_second = d_first + op.in * hidden_padded;
  T* const d_bias = d_second + op.hidden * ((op.width + lanes - 1) / lanes * lanes);
  int64_t in_block = 0;
  clear(sums, count);
  clear(static_cast<T*>(grad.d_received) + first * op.hidden, (last - first) * op.hidden);
  in_tiles(op, first, last, [&](const Tile& tile) {
    if (in_block == LONG) weights.fold(sums), in_block = 0;
    hidden<T>(op, tile, h, scratch);
    pass(h, h, h, tile.count * op.hidden);
    cotangent<T>(op, grad, tile, g);  // all of d_out is read before d_hidden, which may be the same memory
    outer_rows({h, g, nullptr, nullptr, tile.count, op.hidden, op.width, false, true}, 0, tile.count, op.dtype, scratch, d_second);
    for (int64_t t = 0; t < tile.count; ++t) add(d_bias, g + t * op.width, d_bias, op.width);
    T* const d_hidden = static_cast<T*>(grad.d_hidden) + tile.from * op.hidden;
    matmul_rows({g, op.second, nullptr, d_hidden, tile.count, op.width, op.hidden, true}, 0, tile.count, op.dtype, scratch);
    pass(h, d_hidden, d_hidden, tile.count * op.hidden);
    collect(tile, d_hidden, static_cast<T*>(grad.d_received), open);
    in_block += TILE;
    if (op.in == 0) return;
    const T* const edges = static_cast<const T*>(op.edges) + tile.from * op.in;
    outer_rows({edges, d_hidden, nullptr, nullptr, tile.count, op.in, op.hidden, false, true}, 0, tile.count, op.dtype, scratch, d_first);
    if (grad.d_edges)
      matmul_rows({d_hidden, op.first, nullptr, static_cast<T*>(grad.d_edges) + tile.from * op.in, tile.count, op.hidden, op.in, true},
                  0, tile.count, op.dtype, scratch);
  });
  weights.fold(sums);
}

// Sum `parts` matrices [rows, columns padded to whole vectors], `stride` values apart.
template <class T>
void finish(const T* sums, int64_t parts, int64_t stride, int64_t rows, int64_t columns, void* out) {
  const int64_t padded = (columns + LANES<T> - 1) / LANES<T> * LANES<T>;
  for (int64_t i = 0; i < rows; ++i) {
    T* const to = static_cast<T*>(out) + i * columns;
    clear(to, columns);
    for (int64_t part = 0; part < parts; ++part) add(to, sums + part * stride + i * padded, to, columns);
  }
}

}  // namespace

int64_t edge_mlp_sums(const EdgeMlp& op) {
  const int64_t lanes = matmul_lanes(op.dtype), padded = (op.width + lanes - 1) / lanes * lanes;
  return 3 * (op.in * ((op.hidden + lanes - 1) / lanes * lanes) + (op.hidden + 1) * padded);  // with LongSum's
}

int64_t edge_mlp_scratch(const EdgeMlp& op) {
  int64_t most = 0;
  for (int64_t k : {op.in, op.hidden, op.width}) {
    const int64_t needed = matmul_scratch({nullptr, nullptr, nullptr, nullptr, TILE, k, 1, false}, TILE, op.dtype);
    most = needed > most ? needed : most;
  }
  return (TILE + 2) * (op.hidden + op.width) + most;
}

void edge_mlp_rows(const EdgeMlp& op, int64_t first, int64_t last, void* scratch) {
  if (op.dtype == HEDDLE_FLOAT64)
    forward<double>(op, first, last, static_cast<double*>(scratch));
  else
    forward<float>(op, first, last, static_cast<float*>(scratch));
}

void edge_mlp_grad_rows(const EdgeMlp& op, const EdgeMlpGrad& grad, int64_t first, int64_t last, void* scratch, void* sums) {
  if (op.dtype == HEDDLE_FLOAT64)
    backward<double>(op, grad, first, last, static_cast<double*>(scratch), static_cast<double*>(sums));
  else
    backward<float>(op, grad, first, last, static_cast<float*>(scratch), static_cast<float*>(sums));
}

void edge_mlp_grad_finish(const EdgeMlp& op, const EdgeMlpGrad& grad, const void* sums, int64_t parts) {
  const auto all = [&](auto* from) {
    using T = std::remove_const_t<std::remove_pointer_t<decltype(from)>>;
    const int64_t stride = edge_mlp_sums(op), lanes = LANES<T>;
    const T* const second = from + op.in * ((op.hidden + lanes - 1) / lanes * lanes);
    finish(from, parts, stride, op.in, op.hidden, grad.d_first);
    finish(second, parts, stride, op.hidden, op.width, grad.d_second);
    finish(second + op.hidden * ((op.width + lanes - 1) / lanes * lanes), parts, stride, 1, op.width, grad.d_bias);
  };
  if (op.dtype == HEDDLE_FLOAT64)
    all(static_cast<const double*>(sums));
  else
    all(static_cast<const float*>(sums));
}

}  // namespace HEDDLE_ISA
}  // namespace heddle
