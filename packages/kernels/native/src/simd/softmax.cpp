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

  HEDDLE_INLINE int64_t place(int64_t i) const {
    if (dense) return from * width + i;
    return perm[from + (i >> shift)] * width + column + (i & ((int64_t{1} << shift) - 1));
  }
  HEDDLE_INLINE V get(const T* data, int64_t i, acc_t<T> fill) const {
    if (dense && i + W <= count) return load<W>(data + place(i));
    acc_t<T> lanes[W];
    for (int l = 0; l < W; ++l) lanes[l] = i + l < count ? load<1>(data + place(i + l)) : fill;
    return read<acc_t<T>, W>(lanes);
  }
  HEDDLE_INLINE void put(T* data, int64_t i, V values) const {
    if (dense && i + W <= count) return store<W>(data + place(i), values);
    acc_t<T> lanes[W];
    std::memcpy(lanes, &values, sizeof lanes);
    for (int l = 0; l < W && i + l < count; ++l) store<1>(data + place(i + l), lanes[l]);
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

// Call body(run) for each run of each row.
template <class T, class F> void for_runs(const Softmax& op, int64_t first, int64_t last, F&& body) {
  constexpr int64_t W = LANES<acc_t<T>>;
  const Ids indptr(op.walk.indptr, op.walk.index), perm(op.walk.perm, op.walk.index);
  const bool together = op.width <= W && W % op.width == 0;
  const int64_t columns = together ? op.width : 1;
  int shift = 0;
  while (int64_t{1} << shift < columns) ++shift;
  for (int64_t r = first; r < last; ++r) {
    const int64_t from = indptr[r], count = (indptr[r + 1] - from) * columns;
    for (int64_t c = 0; c < op.width; c += columns)
      body(Run<T>{perm, from, count, op.width, c, shift, !op.walk.perm && columns == op.width});
  }
}

template <class T> void forward(const Softmax& op, int64_t first, int64_t last) {
  using A = acc_t<T>;
  constexpr int W = LANES<A>;
  const T* const data = static_cast<const T*>(op.data);
  const A lowest = -static_cast<A>(__builtin_inf());
  for_runs<T>(op, first, last, [&](const Run<T>& run) {
    vec<A, W> top = broadcast<A, W>(lowest), sum = broadcast<A, W>(0);
    for (int64_t i = 0; i < run.count; i += W) top = larger(top, run.get(data, i, lowest));
    top = run.fold(top, [](auto a, auto b) { return larger(a, b); });
    top = top - top == 0 ? top : broadcast<A, W>(0);  // infinite or NaN: nothing to subtract
    for (int64_t i = 0; i < run.count; i += W) sum += exponential<A, W>(run.get(data, i, lowest) - top);
    sum = run.fold(sum, [](auto a, auto b) { return a + b; });
    sum = sum == 0 ? broadcast<A, W>(1) : sum;
    for (int64_t i = 0; i < run.count; i += W)
      run.put(static_cast<T*>(op.out), i, exponential<A, W>(run.get(data, i, lowest) - top) / sum);
  });
}

template <class T> void backward(const Softmax& op, int64_t first, int64_t last) {
  using A = acc_t<T>;
  constexpr int W = LANES<A>;
  const T *const y = static_cast<const T*>(op.data), *const grad = static_cast<const T*>(op.grad);
  for_runs<T>(op, first, last, [&](const Run<T>& run) {
    vec<A, W> sum = broadcast<A, W>(0);
    for (int64_t i = 0; i < run.count; i += W) sum += run.get(y, i, 0) * run.get(grad, i, 0);
    sum = run.fold(sum, [](auto a, auto b) { return a + b; });
    for (int64_t i = 0; i < run.count; i += W)
      run.put(static_cast<T*>(op.out), i, run.get(y, i, 0) * (run.get(grad, i, 0) - sum));
  });
}

}  // namespace

void softmax_rows(const Softmax& op, int64_t first, int64_t last) {
  with_dtype(op.dtype, [&](auto tag) {
    using T = untag<decltype(tag)>;
    op.grad ? backward<T>(op, first, last) : forward<T>(op, first, last);
  });
}

}  // namespace HEDDLE_ISA
}  // namespace heddle
