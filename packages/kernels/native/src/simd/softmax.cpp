// Rows of a segment softmax and of its gradient. Values of a row are taken W at a time whatever their layout, so that
// the exponentials fill vectors even with one head.
#include "exp.hpp"
#include "kernels.hpp"
#include "simd.hpp"

namespace heddle {
namespace HEDDLE_ISA {
namespace {

// The values of one row as runs of lanes: value i is of edge i / columns and column i % columns of the run's. Rows whose
// width divides W are one run; otherwise each column is a run of its own. `columns` is 1 << shift.
template <class T> struct Run {
  static constexpr int W = LANES<acc_t<T>>;
  using V = vec<acc_t<T>, W>;
  Ids perm;
  int64_t from;   // first position of the row
  int64_t count;  // values in the run
  int64_t width;  // columns of the array
  int64_t column;  // first column of the run
  int shift;
  bool dense;  // value i + 1 follows value i

  HEDDLE_INLINE int64_t offset(int64_t i) const {
    if (dense) return from * width + i;
    return perm[from + (i >> shift)] * width + column + (i & ((int64_t{1} << shift) - 1));
  }
  HEDDLE_INLINE V get(const T* data, int64_t i, acc_t<T> fill) const {
    if (dense && i + W <= count) return load<W>(data + offset(i));
    acc_t<T> lanes[W];
    for (int l = 0; l < W; ++l) lanes[l] = i + l < count ? load<1>(data + offset(i + l)) : fill;
    return read<acc_t<T>, W>(lanes);
  }
  HEDDLE_INLINE void put(T* data, int64_t i, V values) const {
    if (dense && i + W <= count) return store<W>(data + offset(i), values);
    acc_t<T> lanes[W];
    std::memcpy(lanes, &values, sizeof lanes);
    for (int l = 0; l < W && i + l < count; ++l) store<1>(data + offset(i + l), lanes[l]);
  }
  // Combine the lanes of each column, and give every lane its column's result.
  template <class F> HEDDLE_INLINE V fold(V values, F&& combine) const {
    for (int step = 1 << shift; step < W; step *= 2) {
      acc_t<T> lanes[W], partners[W];
      std::memcpy(lanes, &values, sizeof lanes);
      for (int l = 0; l < W; ++l) partners[l] = lanes[l ^ step];
      values = combine(values, read<acc_t<T>, W>(partners));
    }
    return values;
  }
};

// Call body(run) for each run of the row whose `edges` edges begin at position `from`, `in_order` if they lie so.
template <class T, class F> void for_runs(const Softmax& op, int64_t from, int64_t edges, bool in_order, F&& body) {
  constexpr int64_t W = LANES<acc_t<T>>;
  const Ids perm(in_order ? nullptr : op.walk.perm, op.walk.index);
  const bool together = op.width <= W && W % op.width == 0;
  const int64_t columns = together ? op.width : 1;
  int shift = 0;
  while (int64_t{1} << shift < columns) ++shift;
  for (int64_t c = 0; c < op.width; c += columns)
    body(Run<T>{perm, from, edges * columns, op.width, c, shift, !perm.data && columns == op.width});
}

// The sum of term(i) over a run's values, W at a time, per column.
template <class T, class F> HEDDLE_INLINE vec<acc_t<T>, LANES<acc_t<T>>> added(const Run<T>& run, F&& term) {
  using A = acc_t<T>;
  constexpr int W = LANES<A>;
  vec<A, W> sum = broadcast<A, W>(0);
  Blocks<A, W> blocks;
  blocks.start();
  const bool is_long = run.count > LONG * W;
  for (int64_t i = 0; i < run.count; i += W) {
    if (is_long && i && i % (TERMS * W) == 0) blocks.take(sum);
    sum += term(i);
  }
  if (is_long) {
    blocks.take(sum);
    sum = blocks.total;
  }
  return run.fold(sum, [](auto a, auto b) { return a + b; });
}

template <class T> void forward(const Run<T>& run, const T* data, T* out) {
  using A = acc_t<T>;
  constexpr int W = LANES<A>;
  const A lowest = -static_cast<A>(__builtin_inf());
  vec<A, W> top = broadcast<A, W>(lowest), sum;
  for (int64_t i = 0; i < run.count; i += W) top = larger(top, run.get(data, i, lowest));
  top = run.fold(top, [](auto a, auto b) { return larger(a, b); });
  top = top - top == 0 ? top : broadcast<A, W>(0);  // infinite or NaN: nothing to subtract
  sum = added<T>(run, [&](int64_t i) { return exponential<A, W>(run.get(data, i, lowest) - top); });
  sum = sum == 0 ? broadcast<A, W>(1) : sum;
  for (int64_t i = 0; i < run.count; i += W) run.put(out, i, exponential<A, W>(run.get(data, i, lowest) - top) / sum);
}

template <class T> void backward(const Run<T>& run, const T* y, const T* grad, T* out) {
  using A = acc_t<T>;
  constexpr int W = LANES<A>;
  const vec<A, W> sum = added<T>(run, [&](int64_t i) { return run.get(y, i, 0) * run.get(grad, i, 0); });
  for (int64_t i = 0; i < run.count; i += W) run.put(out, i, run.get(y, i, 0) * (run.get(grad, i, 0) - sum));
}

// Rows whose values are scattered are worked on in a copy of their own, where there is room for one.
template <class T> void rows(const Softmax& op, int64_t first, int64_t last) {
  constexpr int64_t ROOM = 1024;
  const Ids indptr(op.walk.indptr, op.walk.index), perm(op.walk.perm, op.walk.index);
  const T *const data = static_cast<const T*>(op.data), *const grad = static_cast<const T*>(op.grad);
  T* const out = static_cast<T*>(op.out);
  const int64_t width = op.width, end = indptr[last];
  T first_copy[ROOM], second_copy[ROOM];
  const auto copy = [&](T* to, const T* from, int64_t begin, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      const int64_t later = begin + i + AHEAD < end ? begin + i + AHEAD : end - 1;
      prefetch(from + perm[later] * width, 1);
      for (int64_t c = 0; c < width; ++c) to[i * width + c] = from[perm[begin + i] * width + c];
    }
  };
  for (int64_t r = first; r < last; ++r) {
    const int64_t begin = indptr[r], count = indptr[r + 1] - begin;
    const bool copied = op.walk.perm && count * width <= ROOM;
    if (copied) {
      copy(first_copy, data, begin, count);
      if (grad) copy(second_copy, grad, begin, count);
    }
    for_runs<T>(op, copied ? 0 : begin, count, copied, [&](const Run<T>& run) {
      const T* const from = copied ? first_copy : data;
      T* const to = copied ? first_copy : out;
      grad ? backward<T>(run, from, copied ? second_copy : grad, to) : forward<T>(run, from, to);
    });
    if (copied)
      for (int64_t i = 0; i < count; ++i)
        for (int64_t c = 0; c < width; ++c) out[perm[begin + i] * width + c] = first_copy[i * width + c];
  }
}

}  // namespace

void softmax_rows(const Softmax& op, int64_t first, int64_t last) {
  with_dtype(op.dtype, [&](auto tag) { rows<untag<decltype(tag)>>(op, first, last); });
}

}  // namespace HEDDLE_ISA
}  // namespace heddle
