#include "argmax.hpp"

#include "check.hpp"
#include "sums.cuh"

namespace heddle::cuda {
namespace {

template <class T, class I>
__global__ void __launch_bounds__(THREADS) sddmm_kernel(Argmax<T, I> op, int lanes) {
  const Lane me = my_lane(lanes);
  for (int64_t item = me.first; item < op.walk.edges * op.heads; item += me.step) {
    const sum_t<T> mine = sddmm_argmax(op, item / op.heads, item % op.heads, me.lane, lanes);
    const sum_t<T> all = fold_sum(mine, lanes);
    if (me.lane == 0) op.out[item] = static_cast<T>(all);
  }
}

template <class T, class I>
Argmax<T, I> make(const void* indptr, const void* ids, const void* perm, const void* weight, const void* x,
                  const void* largest, const void* factor, const void* value, void* out, void* partial, int64_t rows, int64_t edges,
                  int64_t other_rows, int64_t heads, int64_t width, int64_t transposed, void* fault) {
  const auto values = [](const void* array) { return static_cast<const T*>(array); };
  const auto ids_of = [](const void* array) { return static_cast<const I*>(array); };
  const Walk<I> walk{ids_of(indptr), ids_of(ids), ids_of(perm), rows, edges, other_rows, static_cast<int64_t*>(fault)};
  return {walk, values(weight), values(x), values(largest), values(factor), values(value), static_cast<T*>(out),
          static_cast<sum_t<T>*>(partial), heads, width, transposed != 0};
}

}  // namespace
}  // namespace heddle::cuda

extern "C" int heddle_cuda_spmm_argmax(const void* indptr, const void* ids, const void* perm, const void* weight,
                                       const void* x, const void* largest, const void* factor, const void* value, void* out,
                                       int64_t rows, int64_t edges, int64_t other_rows, int64_t heads, int64_t width,
                                       int64_t transposed, int64_t dtype, int64_t index, void* workspace,
                                       int64_t workspace_bytes, void* fault, void* stream) {
  using namespace heddle::cuda;
  if (int status = check_walk("spmm_argmax", {rows, edges, other_rows, heads, width}, dtype, index)) return status;
  if (rows == 0 || heads * width == 0) return HEDDLE_OK;
  if (int status = check_columns("spmm_argmax", heads * width)) return status;
  const int64_t needed = heddle_cuda_spmm_workspace(edges, heads * width, dtype);
  if (int status = check_workspace("spmm_argmax", workspace, workspace_bytes, needed)) return status;
  with_dtype(dtype, [&](auto of_values) {
    with_index(index, [&](auto of_ids) {
      using T = untag<decltype(of_values)>;
      using I = untag<decltype(of_ids)>;
      const auto op = make<T, I>(indptr, ids, perm, weight, x, largest, factor, value, out, workspace, rows, edges, other_rows,
                                 heads, width, transposed, fault);
      with_columns<T>(width, addresses(x, largest, value, out), [&](auto columns) {
        launch_sums<decltype(columns)::value, false>(op, static_cast<cudaStream_t>(stream));
      });
    });
  });
  return launched("spmm_argmax");
}

extern "C" int heddle_cuda_sddmm_argmax(const void* indptr, const void* ids, const void* weight, const void* x,
                                        const void* largest, const void* a, const void* b, void* out, int64_t rows,
                                        int64_t edges, int64_t other_rows, int64_t heads, int64_t width, int64_t transposed,
                                        int64_t dtype, int64_t index, void* fault, void* stream) {
  using namespace heddle::cuda;
  if (int status = check_walk("sddmm_argmax", {rows, edges, other_rows, heads, width}, dtype, index)) return status;
  if (edges == 0 || heads == 0 || rows == 0) return HEDDLE_OK;
  with_dtype(dtype, [&](auto of_values) {
    with_index(index, [&](auto of_ids) {
      using T = untag<decltype(of_values)>;
      using I = untag<decltype(of_ids)>;
      const auto op = make<T, I>(indptr, ids, nullptr, weight, x, largest, a, b, out, nullptr, rows, edges, other_rows, heads,
                                 width, transposed, fault);
      const int lanes = lanes_for(width);
      sddmm_kernel<<<blocks_for(edges * heads, lanes), THREADS, 0, static_cast<cudaStream_t>(stream)>>>(op, lanes);
    });
  });
  return launched("sddmm_argmax");
}
