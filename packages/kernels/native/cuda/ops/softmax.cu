#include "softmax.hpp"

#include "check.hpp"
#include "lanes.cuh"

namespace heddle::cuda {
namespace {

template <class T, class I>
__global__ void __launch_bounds__(THREADS) kernel(Softmax<T, I> op, int lanes) {
  const Lane me = my_lane(lanes);
  for (int64_t item = me.first; item < op.walk.rows * op.width; item += me.step) {
    using A = sum_t<T>;
    const int64_t s = item / op.width, column = item % op.width;
    A less = 0;
    if (!op.grad)
      less = shift(fold(softmax_top(op, s, column, me.lane, lanes), lanes, [](A a, A b) { return larger(a, b); }));
    const A sum = fold_sum(softmax_sum(op, s, column, me.lane, lanes, less), lanes);
    softmax_write(op, s, column, me.lane, lanes, less, sum);
  }
}

int run(const char* name, const void* indptr, const void* perm, const void* data, const void* grad, void* out,
        int64_t count, int64_t segments, int64_t width, int64_t dtype, int64_t index, void* fault, void* stream) {
  if (int status = check_walk(name, {count, segments, width}, dtype, index)) return status;
  if (count == 0 || segments == 0 || width == 0) return HEDDLE_OK;
  with_dtype(dtype, [&](auto value) {
    with_index(index, [&](auto id) {
      using T = untag<decltype(value)>;
      using I = untag<decltype(id)>;
      const Walk<I> walk{static_cast<const I*>(indptr), nullptr, static_cast<const I*>(perm), segments, count, count,
                         static_cast<int64_t*>(fault)};
      const Softmax<T, I> op{walk, static_cast<const T*>(data), static_cast<const T*>(grad), static_cast<T*>(out), width};
      const int lanes = lanes_for((count + segments - 1) / segments);
      kernel<<<blocks_for(segments * width, lanes), THREADS, 0, static_cast<cudaStream_t>(stream)>>>(op, lanes);
    });
  });
  return launched(name);
}

}  // namespace
}  // namespace heddle::cuda

extern "C" int heddle_cuda_segment_softmax(const void* indptr, const void* perm, const void* data, void* out,
                                           int64_t count, int64_t segments, int64_t width, int64_t dtype, int64_t index,
                                           void* fault, void* stream) {
  return heddle::cuda::run("segment_softmax", indptr, perm, data, nullptr, out, count, segments, width, dtype, index,
                           fault, stream);
}

extern "C" int heddle_cuda_segment_softmax_grad(const void* indptr, const void* perm, const void* y, const void* grad,
                                                void* out, int64_t count, int64_t segments, int64_t width, int64_t dtype,
                                                int64_t index, void* fault, void* stream) {
  return heddle::cuda::run("segment_softmax_grad", indptr, perm, y, grad, out, count, segments, width, dtype, index,
                           fault, stream);
}
