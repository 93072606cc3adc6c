// Rows of spmm: accumulators stay in registers while the edges of a row go by; rows to come are prefetched.
#include <type_traits>

#include "kernels.hpp"
#include "simd.hpp"

namespace heddle {
namespace HEDDLE_ISA {
namespace {

constexpr int64_t IN_CACHE = 1 << 19;  // bytes of x that need no prefetch

enum class Weight { none, edge, head, element };  // ones, or a value per edge, per edge and head, or and column

// Columns of one pass over the rows: vector v covers W columns from column[v], all of head[v].
template <int V> struct Columns {
  int64_t column[V];
  int64_t head[V];
  int64_t bytes;  // from the first to the end of the last
};

// out[j] = ids[from + j] * by for j in [0, count); where there are no ids they count up from 0.
void scaled(const void* ids, int64_t index, int64_t from, int64_t count, int64_t by, int64_t* out) {
  constexpr int W = LANES<int64_t>;
  if (!ids) {
    for (int64_t j = 0; j < count; ++j) out[j] = (from + j) * by;
    return;
  }
  with_index(index, [&](auto tag) {
    using I = untag<decltype(tag)>;
    const I* const at = static_cast<const I*>(ids) + from;
    int64_t j = 0;
    for (; j + W <= count; j += W) {
      const vec<int64_t, W> values = convert<int64_t, W>(read<I, W>(at + j)) * by;
      std::memcpy(out + j, &values, sizeof values);
    }
    for (; j < count; ++j) out[j] = at[j] * by;
  });
}

// The edges to come, brought into one form so that the loop over them has no choices left to make.
template <class T, Weight weighted> struct Edges {
  static constexpr int64_t COUNT = 128;
  int64_t row[COUNT + AHEAD];                              // first element of the edge's row of x
  int64_t position[weighted == Weight::none ? 1 : COUNT];     // first element of the edge's weights
  acc_t<T> value[weighted == Weight::edge ? COUNT : 1];

  // Read `count` edges, and the rows of x of AHEAD after them, the last one again where no more follow before `end`.
  void fill(const Spmm& op, int64_t from, int64_t count, int64_t end, int64_t stride, int64_t weight_stride) {
    const T* const weight = static_cast<const T*>(op.weight);
    const int64_t seen = count + AHEAD < end - from ? count + AHEAD : end - from;
    scaled(op.walk.ids, op.walk.index, from, seen, stride, row);
    for (int64_t j = seen; j < count + AHEAD; ++j) row[j] = row[seen - 1];
    if constexpr (weighted != Weight::none) {
      scaled(op.walk.perm, op.walk.index, from, count, weight_stride, position);
      if (op.walk.perm)
        for (int64_t j = 0; j < count; ++j) prefetch(weight + position[j], 1);
    }
    if constexpr (weighted == Weight::edge)
      for (int64_t j = 0; j < count; ++j) value[j] = load<1>(weight + position[j]);
  }
};

// The rows of x that edges bring: what a pass reads, and the edges that it has at hand.
template <class T, int W, int V, Weight weighted, bool maximum> struct Messages {
  using A = acc_t<T>;
  const Spmm& op;
  const Columns<V> c;
  const int64_t end;  // of all edges of the pass
  const T* const x = static_cast<const T*>(op.x);
  const T* const weight = static_cast<const T*>(op.weight);
  const int64_t stride = op.heads * op.width, weight_stride = weighted == Weight::element ? stride : op.heads;
  const bool far = op.walk.other_rows * stride * static_cast<int64_t>(sizeof(T)) > IN_CACHE;

  // Add those of the edges [from, to) to `sum`; `edges` holds [base, limit), and `from` is in it or at its end.
  HEDDLE_INLINE void add(int64_t from, int64_t to, Edges<T, weighted>& edges, int64_t& base, int64_t& limit,
                         vec<A, W> (&sum)[V]) const {
    for (int64_t j = from; j < to;) {
      if (j == limit) {
        base = j, limit = j + edges.COUNT < end ? j + edges.COUNT : end;
        edges.fill(op, base, limit - base, end, stride, weight_stride);
      }
      for (const int64_t stop = to < limit ? to : limit; j < stop; ++j) {
        const T* const row = x + edges.row[j - base];
        if (far) prefetch(x + edges.row[j - base + AHEAD] + c.column[0], c.bytes);
        const T* w = weight;
        vec<A, W> scale;
        if constexpr (weighted == Weight::edge) scale = broadcast<A, W>(edges.value[j - base]);
        if constexpr (weighted > Weight::edge) w += edges.position[j - base];
        HEDDLE_UNROLL for (int v = 0; v < V; ++v) {
          vec<A, W> message = load<W>(row + c.column[v]);
          if constexpr (weighted == Weight::edge) message *= scale;
          if constexpr (weighted == Weight::head) message *= broadcast<A, W>(load<1>(w + c.head[v]));
          if constexpr (weighted == Weight::element) message *= load<W>(w + c.column[v]);
          if constexpr (maximum)
            sum[v] = larger(sum[v], message);
          else
            sum[v] += message;
        }
      }
    }
  }

  // Write the sum of a long row, block by block. A call of its own, on a copy: the loop over short rows keeps its registers.
  __attribute__((noinline)) static void add_blocks(const Messages messages, int64_t from, int64_t to, vec<A, W>* total) {
    Edges<T, weighted> edges;
    int64_t base = from, limit = from;
    vec<A, W> sum[V];
    Blocks<A, W> blocks[V];
    HEDDLE_UNROLL for (int v = 0; v < V; ++v) sum[v] = broadcast<A, W>(0), blocks[v].start();
    for (int64_t j = from; j < to; j += TERMS) {
      messages.add(j, j + TERMS < to ? j + TERMS : to, edges, base, limit, sum);
      HEDDLE_UNROLL for (int v = 0; v < V; ++v) blocks[v].take(sum[v]);
    }
    HEDDLE_UNROLL for (int v = 0; v < V; ++v) total[v] = blocks[v].total;
  }
};

template <class T, int W, int V, Weight weighted, bool maximum>
void pass(const Spmm& op, const Columns<V>& c, int64_t first, int64_t last) {
  using A = acc_t<T>;
  const Ids indptr(op.walk.indptr, op.walk.index);
  T* const out = static_cast<T*>(op.out);
  const Messages<T, W, V, weighted, maximum> messages{op, c, indptr[last]};
  Edges<T, weighted> edges;
  int64_t from = indptr[first], base = from, limit = from;
  for (int64_t r = first; r < last; ++r) {
    const int64_t to = indptr[r + 1];
    vec<A, W> sum[V];
    if (!maximum && __builtin_expect(to - from > LONG, 0)) {
      vec<A, W> total[V];
      messages.add_blocks(messages, from, to, total);
      HEDDLE_UNROLL for (int v = 0; v < V; ++v) sum[v] = total[v];
      limit = to;
    } else {
      HEDDLE_UNROLL for (int v = 0; v < V; ++v) sum[v] = broadcast<A, W>(maximum && from < to ? -__builtin_inf() : 0);
      messages.add(from, to, edges, base, limit, sum);
    }
    if (op.reduce == HEDDLE_MEAN && to > from)
      HEDDLE_UNROLL for (int v = 0; v < V; ++v) sum[v] /= broadcast<A, W>(static_cast<A>(to - from));
    HEDDLE_UNROLL for (int v = 0; v < V; ++v) store<W>(out + r * messages.stride + c.column[v], sum[v]);
    from = to;
  }
}

// Cut each of `runs` runs of `length` columns into vectors of W, the last of a run shifted back so as to end with it:
// columns it shares with its neighbour are computed twice, to the same value. Take up to 8 vectors a pass.
template <class T, int W, Weight weighted, bool maximum>
void cut(const Spmm& op, int64_t runs, int64_t length, int64_t first, int64_t last) {
  Columns<8> held;
  unsigned count = 0;
  const auto flush = [&](auto size) {
    constexpr unsigned V = decltype(size)::value;
    Columns<V> c;
    for (unsigned v = 0; v < V; ++v) {
      const unsigned from = v < count ? v : 0;  // a pass with room to spare does its first vector again
      c.column[v] = held.column[from], c.head[v] = held.head[from];
    }
    c.bytes = (held.column[count - 1] - held.column[0] + W) * static_cast<int64_t>(sizeof(T));
    pass<T, W, V, weighted, maximum>(op, c, first, last);
    count = 0;
  };
  for (int64_t run = 0; run < runs; ++run)
    for (int64_t from = 0; from < length; from += W) {
      held.column[count] = run * length + (from + W <= length ? from : length - W);
      held.head[count] = run;
      if (++count == 8) flush(std::integral_constant<unsigned, 8>{});
    }
  if (count == 0) return;
  if (count == 1) return flush(std::integral_constant<unsigned, 1>{});
  if constexpr (W == LANES<acc_t<T>>)
    if (count == 3 || count == 4) return flush(std::integral_constant<unsigned, 4>{});
  if (count > 2) return flush(std::integral_constant<unsigned, 8>{});
  flush(std::integral_constant<unsigned, 2>{});
}

// Choose the vectors: whole ones, narrower ones for few columns a run, single values for fewer still.
template <class T, Weight weighted, bool maximum> void widths(const Spmm& op, int64_t first, int64_t last) {
  using A = acc_t<T>;
  constexpr int W = LANES<A>;
  const int64_t runs = weighted == Weight::head ? op.heads : 1, length = op.heads * op.width / (runs ? runs : 1);
  if (length >= W) return cut<T, W, weighted, maximum>(op, runs, length, first, last);
  if constexpr (std::is_same_v<T, A>) {
    if constexpr (W > 8)
      if (length >= 8) return cut<T, 8, weighted, maximum>(op, runs, length, first, last);
    if constexpr (W > 4)
      if (length >= 4) return cut<T, 4, weighted, maximum>(op, runs, length, first, last);
    if constexpr (W > 2)
      if (length >= 2) return cut<T, 2, weighted, maximum>(op, runs, length, first, last);
  }
  if (length) cut<T, 1, weighted, maximum>(op, runs, length, first, last);
}

template <class T> void choose(const Spmm& op, int64_t first, int64_t last) {
  if (op.weight && op.heads == 1 && op.reduce != HEDDLE_MAX) return widths<T, Weight::edge, false>(op, first, last);
  if (op.reduce == HEDDLE_MAX)
    return op.weight ? widths<T, Weight::head, true>(op, first, last) : widths<T, Weight::none, true>(op, first, last);
  if (!op.weight) return widths<T, Weight::none, false>(op, first, last);
  if (op.width == 1 && op.heads > 1) return widths<T, Weight::element, false>(op, first, last);
  widths<T, Weight::head, false>(op, first, last);
}

}  // namespace

void spmm_rows(const Spmm& op, int64_t first, int64_t last) {
  with_dtype(op.dtype, [&](auto tag) { choose<untag<decltype(tag)>>(op, first, last); });
}

}  // namespace HEDDLE_ISA
}  // namespace heddle
