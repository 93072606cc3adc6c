#include "spmm.hpp"

#include "check.hpp"
#include "sums.cuh"

extern "C" int64_t heddle_cuda_spmm_workspace(int64_t edges, int64_t columns, int64_t dtype) {
  return heddle::cuda::chunks_of(edges) * columns * heddle::cuda::sum_bytes(dtype);
}

extern "C" int heddle_cuda_spmm(const void* indptr, const void* ids, const void* perm, const void* weight, const void* x,
                                void* out, int64_t rows, int64_t edges, int64_t x_rows, int64_t heads, int64_t width,
                                int64_t dtype, int64_t index, int64_t reduce, void* workspace, int64_t workspace_bytes,
                                void* fault, void* stream) {
  using namespace heddle::cuda;
  if (int status = check_walk("spmm", {rows, edges, x_rows, heads, width}, dtype, index)) return status;
  if (int status = check_code("spmm", "reduce", reduce, HEDDLE_MAX)) return status;
  if (rows == 0 || heads * width == 0) return HEDDLE_OK;
  if (int status = check_columns("spmm", heads * width)) return status;
  const int64_t needed = heddle_cuda_spmm_workspace(edges, heads * width, dtype);
  if (int status = check_workspace("spmm", workspace, workspace_bytes, needed)) return status;
  with_dtype(dtype, [&](auto value) {
    with_index(index, [&](auto id) {
      using T = untag<decltype(value)>;
      using I = untag<decltype(id)>;
      const Walk<I> walk{static_cast<const I*>(indptr), static_cast<const I*>(ids), static_cast<const I*>(perm), rows,
                         edges, x_rows, static_cast<int64_t*>(fault)};
      const Spmm<T, I> op{walk, static_cast<const T*>(weight), static_cast<const T*>(x), static_cast<T*>(out),
                          static_cast<sum_t<T>*>(workspace), heads, width, reduce};
      with_columns<T>(width, addresses(x, out), [&](auto columns) {
        constexpr int V = decltype(columns)::value;
        if (reduce == HEDDLE_MAX)
          launch_sums<V, true>(op, static_cast<cudaStream_t>(stream));
        else
          launch_sums<V, false>(op, static_cast<cudaStream_t>(stream));
      });
    });
  });
  return launched("spmm");
}
