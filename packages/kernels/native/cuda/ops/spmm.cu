#include "spmm.hpp"

#include "check.hpp"
#include "lanes.cuh"

namespace heddle::cuda {
namespace {

template <class T, class I, int V, bool MAX>
__global__ void __launch_bounds__(THREADS) kernel(Spmm<T, I> op, int lanes) {
  const Lane me = my_lane(lanes);
  const int64_t packs = op.heads * op.width / V;
  for (int64_t r = me.first; r < op.walk.rows; r += me.step)
    for (int64_t p = me.lane; p < packs; p += lanes) spmm_row<T, I, V, MAX>(op, r, p * V);
}

template <class T, class I, int V>
void launch(const Spmm<T, I>& op, cudaStream_t stream) {
  const int lanes = lanes_for(op.heads * op.width / V);
  const unsigned blocks = blocks_for(op.walk.rows, lanes);
  if (op.reduce == HEDDLE_MAX)
    kernel<T, I, V, true><<<blocks, THREADS, 0, stream>>>(op, lanes);
  else
    kernel<T, I, V, false><<<blocks, THREADS, 0, stream>>>(op, lanes);
}

}  // namespace
}  // namespace heddle::cuda

extern "C" int heddle_cuda_spmm(const void* indptr, const void* ids, const void* perm, const void* weight, const void* x,
                                void* out, int64_t rows, int64_t edges, int64_t x_rows, int64_t heads, int64_t width,
                                int64_t dtype, int64_t index, int64_t reduce, void* fault, void* stream) {
  using namespace heddle::cuda;
  if (int status = check_walk("spmm", {rows, edges, x_rows, heads, width}, dtype, index)) return status;
  if (int status = check_code("spmm", "reduce", reduce, HEDDLE_MAX)) return status;
  if (rows == 0 || heads * width == 0) return HEDDLE_OK;
  with_dtype(dtype, [&](auto value) {
    with_index(index, [&](auto id) {
      using T = untag<decltype(value)>;
      using I = untag<decltype(id)>;
      constexpr int V = 16 / sizeof(T);
      const Walk<I> walk{static_cast<const I*>(indptr), static_cast<const I*>(ids), static_cast<const I*>(perm), rows,
                         edges, x_rows, static_cast<int64_t*>(fault)};
      const Spmm<T, I> op{walk, static_cast<const T*>(weight), static_cast<const T*>(x), static_cast<T*>(out), heads,
                          width, reduce};
      if (width % V == 0 && aligned(x) && aligned(out))
        launch<T, I, V>(op, static_cast<cudaStream_t>(stream));
      else
        launch<T, I, 1>(op, static_cast<cudaStream_t>(stream));
    });
  });
  return launched("spmm");
}
