// Sums over the elements that attain a maximum: what a max over messages is differentiated by.
#include "kernels.hpp"
#include "simd.hpp"

namespace heddle {
namespace HEDDLE_ISA {
namespace {

// W lanes of `value` where the message x weight is the maximum `largest` (NaN equal to NaN), 0 elsewhere. The message is
// rounded to T as the maximum was.
template <class T, int W>
HEDDLE_INLINE vec<acc_t<T>, W> attaining(const T* x, acc_t<T> weight, const T* largest, vec<acc_t<T>, W> value) {
  using A = acc_t<T>;
  T rounded[W];
  store<W>(rounded, load<W>(x) * broadcast<A, W>(weight));
  const vec<A, W> message = load<W>(rounded), most = load<W>(largest);
  return (message == most) | ((message != message) & (most != most)) ? value : broadcast<A, W>(0);
}

// One vector of columns, from `column` of head `head`, down all rows.
template <class T, int W> void spmm_column(const Argmax& op, int64_t column, int64_t head, int64_t first, int64_t last) {
  using A = acc_t<T>;
  const Ids indptr(op.walk.indptr, op.walk.index), ids(op.walk.ids, op.walk.index), perm(op.walk.perm, op.walk.index);
  const int64_t stride = op.heads * op.width, end = indptr[last];
  const T* const x = static_cast<const T*>(op.x) + column;
  const T* const largest = static_cast<const T*>(op.largest) + column;
  const T* const weight = static_cast<const T*>(op.weight);
  const T* const factor = static_cast<const T*>(op.a);
  const T* const value = static_cast<const T*>(op.b) + column;
  const T* const far = op.transposed ? largest : x;
  for (int64_t r = first; r < last; ++r) {
    vec<A, W> sum = broadcast<A, W>(0);
    Blocks<A, W> blocks;
    blocks.start();
    const int64_t from = indptr[r], to = indptr[r + 1];
    const bool is_long = to - from > LONG;
    for (int64_t j = from; j < to; ++j) {
      if (is_long && j > from && (j - from) % TERMS == 0) blocks.take(sum);
      __builtin_prefetch(far + ids[j + AHEAD < end ? j + AHEAD : j] * stride);
      const int64_t other = ids[j], e = perm[j] * op.heads + head;
      const int64_t sender = op.transposed ? r : other, receiver = op.transposed ? other : r;
      vec<A, W> term = op.b ? load<W>(value + other * stride) : broadcast<A, W>(1);
      if (factor) term *= broadcast<A, W>(load<1>(factor + e));
      const A w = weight ? load<1>(weight + e) : A(1);
      sum += attaining<T, W>(x + sender * stride, w, largest + receiver * stride, term);
    }
    if (is_long) {
      blocks.take(sum);
      sum = blocks.total;
    }
    store<W>(static_cast<T*>(op.out) + r * stride + column, sum);
  }
}

template <class T> void spmm_all(const Argmax& op, int64_t first, int64_t last) {
  constexpr int W = LANES<acc_t<T>>;
  for (int64_t h = 0; h < op.heads; ++h) {
    int64_t c = h * op.width;
    const int64_t end = c + op.width;
    for (; c + W <= end; c += W) spmm_column<T, W>(op, c, h, first, last);
    for (; c < end; ++c) spmm_column<T, 1>(op, c, h, first, last);
  }
}

template <class T> void sddmm_all(const Argmax& op, int64_t first, int64_t last) {
  using A = acc_t<T>;
  constexpr int W = LANES<A>;
  const Ids indptr(op.walk.indptr, op.walk.index), ids(op.walk.ids, op.walk.index);
  const T *const x = static_cast<const T*>(op.x), *const largest = static_cast<const T*>(op.largest);
  const T *const a = static_cast<const T*>(op.a), *const b = static_cast<const T*>(op.b);
  const T* const weight = static_cast<const T*>(op.weight);
  const int64_t stride = op.heads * op.width;
  for (int64_t r = first; r < last; ++r)
    for (int64_t j = indptr[r], to = indptr[r + 1]; j < to; ++j)
      for (int64_t h = 0; h < op.heads; ++h) {
        const A w = weight ? load<1>(weight + j * op.heads + h) : A(1);
        vec<A, W> sums = broadcast<A, W>(0);
        A sum = 0;
        const int64_t sender = (op.transposed ? r : ids[j]) * stride, receiver = (op.transposed ? ids[j] : r) * stride;
        int64_t c = h * op.width;
        const int64_t end = c + op.width;
        for (; c + W <= end; c += W)
          sums += attaining<T, W>(x + sender + c, w, largest + receiver + c, load<W>(a + receiver + c) * load<W>(b + sender + c));
        for (; c < end; ++c)
          sum += attaining<T, 1>(x + sender + c, w, largest + receiver + c, load<1>(a + receiver + c) * load<1>(b + sender + c));
        store<1>(static_cast<T*>(op.out) + j * op.heads + h, sum + lane_sum<A, W>(sums));
      }
}

}  // namespace

void spmm_argmax_rows(const Argmax& op, int64_t first, int64_t last) {
  with_dtype(op.dtype, [&](auto tag) { spmm_all<untag<decltype(tag)>>(op, first, last); });
}

void sddmm_argmax_rows(const Argmax& op, int64_t first, int64_t last) {
  with_dtype(op.dtype, [&](auto tag) { sddmm_all<untag<decltype(tag)>>(op, first, last); });
}

}  // namespace HEDDLE_ISA
}  // namespace heddle
