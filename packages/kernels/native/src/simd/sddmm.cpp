// Rows of sddmm: the receiver's row stays in cache while its senders' rows go by; senders to come are prefetched.
#include "kernels.hpp"
#include "simd.hpp"

namespace heddle {
namespace HEDDLE_ISA {
namespace {

// Dot product of n elements: whole vectors, then halves of vectors for what is left.
template <class T, int W> HEDDLE_INLINE acc_t<T> dot(const T* a, const T* b, int64_t n) {
  using A = acc_t<T>;
  A sum = 0;
  int64_t i = 0;
  if (n >= W) {
    vec<A, W> sums = broadcast<A, W>(0);
    for (; i + W <= n; i += W) sums += load<W>(a + i) * load<W>(b + i);
    sum = lane_sum<A, W>(sums);
  }
  if constexpr (W > 1)
    if (i < n) sum += dot<T, W / 2>(a + i, b + i, n - i);
  return sum;
}

template <class T> HEDDLE_INLINE void add(const T* a, const T* b, T* out, int64_t n) {
  constexpr int W = LANES<acc_t<T>>;
  int64_t i = 0;
  for (; i + W <= n; i += W) store<W>(out + i, load<W>(a + i) + load<W>(b + i));
  for (; i < n; ++i) store<1>(out + i, load<1>(a + i) + load<1>(b + i));
}

template <class T> void rows_of(const Sddmm& op, int64_t first, int64_t last) {
  constexpr int W = LANES<acc_t<T>>;
  const Ids indptr(op.walk.indptr, op.walk.index), ids(op.walk.ids, op.walk.index);
  const int64_t stride = op.heads * op.width, bytes = stride * static_cast<int64_t>(sizeof(T)), end = indptr[last];
  const T* const b = static_cast<const T*>(op.b);
  T* const out = static_cast<T*>(op.out);
  for (int64_t r = first; r < last; ++r) {
    const T* const left = static_cast<const T*>(op.a) + r * stride;
    for (int64_t j = indptr[r], to = indptr[r + 1]; j < to; ++j) {
      prefetch(b + ids[j + AHEAD < end ? j + AHEAD : j] * stride, bytes);
      const T* const right = b + ids[j] * stride;
      if (op.combine == HEDDLE_ADD)
        add<T>(left, right, out + j * stride, stride);
      else
        for (int64_t h = 0; h < op.heads; ++h)
          store<1>(out + j * op.heads + h, dot<T, W>(left + h * op.width, right + h * op.width, op.width));
    }
  }
}

}  // namespace

void sddmm_rows(const Sddmm& op, int64_t first, int64_t last) {
  with_dtype(op.dtype, [&](auto tag) { rows_of<untag<decltype(tag)>>(op, first, last); });
}

}  // namespace HEDDLE_ISA
}  // namespace heddle
