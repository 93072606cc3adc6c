#include "pages.hpp"
#include "simd/kernels.hpp"

namespace heddle {

int spmm(const char* name, const Spmm& op, int64_t threads) {
  const int64_t bytes = op.heads * op.width * size_of(op.dtype);
  prefer_large_pages(op.out, op.walk.rows * bytes);
  return for_rows(name, op.walk, bytes, threads,
                  [&](int64_t first, int64_t last) { HEDDLE_PICK(spmm_rows)(op, first, last); });
}

}  // namespace heddle

extern "C" int heddle_spmm(const void* indptr, const void* ids, const void* perm, const void* weight, const void* x,
                           void* out, int64_t rows, int64_t edges, int64_t x_rows, int64_t heads, int64_t width,
                           int64_t dtype, int64_t index, int64_t reduce, int64_t threads) {
  using namespace heddle;
  if (int status = check_types("spmm", dtype, index)) return status;
  if (int status = check_sizes("spmm", {heads, width})) return status;
  if (int status = check_values("spmm", {weight, x, out}, dtype)) return status;
  if (int status = check_reduce("spmm", reduce)) return status;
  if (!ids && edges > 0 && edges != x_rows)
    return fail(HEDDLE_INVALID, "spmm: found %lld rows of x and %lld edges, expected as many without ids; pass ids",
                static_cast<long long>(x_rows), static_cast<long long>(edges));
  return spmm("spmm", {{indptr, ids, perm, rows, edges, x_rows, index}, weight, x, out, heads, width, dtype, reduce},
              threads);
}
