#include "pages.hpp"
#include "simd/kernels.hpp"

extern "C" int heddle_sddmm(const void* indptr, const void* ids, const void* a, const void* b, void* out, int64_t rows,
                            int64_t edges, int64_t b_rows, int64_t heads, int64_t width, int64_t dtype, int64_t index,
                            int64_t combine, int64_t threads) {
  using namespace heddle;
  if (int status = check_types("sddmm", dtype, index)) return status;
  if (int status = check_sizes("sddmm", {heads, width})) return status;
  if (int status = check_values("sddmm", {a, b, out}, dtype)) return status;
  if (int status = check_code("sddmm", "combine", combine, HEDDLE_ADD, "dot, add")) return status;
  if (!ids && edges > 0 && edges != b_rows)
    return fail(HEDDLE_INVALID, "sddmm: found %lld rows of b and %lld edges, expected as many without ids; pass ids",
                static_cast<long long>(b_rows), static_cast<long long>(edges));
  const Sddmm op{{indptr, ids, nullptr, rows, edges, b_rows, index}, a, b, out, heads, width, dtype, combine};
  prefer_large_pages(out, edges * heads * (combine == HEDDLE_ADD ? width : 1) * size_of(dtype));
  return for_rows("sddmm", op.walk, heads * width * size_of(dtype), threads,
                  [&](int64_t first, int64_t last) { HEDDLE_PICK(sddmm_rows)(op, first, last); });
}
