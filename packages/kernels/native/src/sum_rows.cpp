#include "pages.hpp"
#include "simd/kernels.hpp"

extern "C" int heddle_sum_rows(const void* indptr, const void* ids, const void* weight, const void* x, void* out,
                               int64_t rows, int64_t edges, int64_t x_rows, int64_t width, int64_t dropped,
                               uint64_t key, int64_t dtype, int64_t index, int64_t threads) {
  using namespace heddle;
  if (int status = check_types("sum_rows", dtype, index)) return status;
  if (int status = check_sizes("sum_rows", {width, dropped})) return status;
  if (int status = check_values("sum_rows", {weight, x, out}, dtype)) return status;
  if (dropped >= 65536)
    return fail(HEDDLE_INVALID, "sum_rows: dropped: found %lld, expected less than 65536; lower it",
                static_cast<long long>(dropped));
  const Walk walk{indptr, ids, nullptr, rows, edges, x_rows, index};
  if (!dropped) return spmm("sum_rows", {walk, weight, x, out, 1, width, dtype, HEDDLE_SUM}, threads);
  const SumRows op{walk, weight, x, out, width, dropped, key, dtype};
  const int64_t bytes = width * size_of(dtype);
  prefer_large_pages(out, rows * bytes);
  return for_rows("sum_rows", walk, bytes, threads,
                  [&](int64_t first, int64_t last) { HEDDLE_PICK(sum_rows)(op, first, last); });
}
