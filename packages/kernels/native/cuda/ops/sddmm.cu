#include "sddmm.hpp"

#include "check.hpp"
#include "lanes.cuh"

namespace heddle::cuda {
namespace {

template <class T, class I>
__global__ void __launch_bounds__(THREADS) dot_kernel(Sddmm<T, I> op, int lanes) {
  const Lane me = my_lane(lanes);
  for (int64_t item = me.first; item < op.walk.edges * op.heads; item += me.step) {
    const sum_t<T> mine = sddmm_dot(op, item / op.heads, item % op.heads, me.lane, lanes);
    const sum_t<T> all = fold_sum(mine, lanes);
    if (me.lane == 0) op.out[item] = static_cast<T>(all);
  }
}

template <class T, class I>
__global__ void __launch_bounds__(THREADS) add_kernel(Sddmm<T, I> op, int lanes) {
  const Lane me = my_lane(lanes);
  for (int64_t j = me.first; j < op.walk.edges; j += me.step) sddmm_add(op, j, me.lane, lanes);
}

}  // namespace
}  // namespace heddle::cuda

extern "C" int heddle_cuda_sddmm(const void* indptr, const void* ids, const void* a, const void* b, void* out,
                                 int64_t rows, int64_t edges, int64_t b_rows, int64_t heads, int64_t width,
                                 int64_t dtype, int64_t index, int64_t combine, void* fault, void* stream) {
  using namespace heddle::cuda;
  if (int status = check_walk("sddmm", {rows, edges, b_rows, heads, width}, dtype, index)) return status;
  if (int status = check_code("sddmm", "combine", combine, HEDDLE_ADD)) return status;
  if (edges == 0 || heads == 0 || rows == 0) return HEDDLE_OK;
  const auto to = static_cast<cudaStream_t>(stream);
  with_dtype(dtype, [&](auto value) {
    with_index(index, [&](auto id) {
      using T = untag<decltype(value)>;
      using I = untag<decltype(id)>;
      const Walk<I> walk{static_cast<const I*>(indptr), static_cast<const I*>(ids), nullptr, rows, edges, b_rows,
                         static_cast<int64_t*>(fault)};
      const Sddmm<T, I> op{walk, static_cast<const T*>(a), static_cast<const T*>(b), static_cast<T*>(out), heads, width};
      const int lanes = lanes_for(combine == HEDDLE_DOT ? width : heads * width);
      if (combine == HEDDLE_DOT)
        dot_kernel<<<blocks_for(edges * heads, lanes), THREADS, 0, to>>>(op, lanes);
      else
        add_kernel<<<blocks_for(edges, lanes), THREADS, 0, to>>>(op, lanes);
    });
  });
  return launched("sddmm");
}
