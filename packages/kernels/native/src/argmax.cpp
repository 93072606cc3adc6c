#include "simd/kernels.hpp"

namespace heddle {

static int check(const char* name, const Argmax& op) {
  if (int status = check_types(name, op.dtype, op.walk.index)) return status;
  if (int status = check_sizes(name, {op.heads, op.width})) return status;
  if (int status = check_values(name, {op.weight, op.x, op.largest, op.a, op.b, op.out}, op.dtype)) return status;
  if (!op.walk.ids && op.walk.edges > 0) return fail(HEDDLE_INVALID, "%s: found no ids, expected them; pass ids", name);
  return HEDDLE_OK;
}

}  // namespace heddle

extern "C" int heddle_spmm_argmax(const void* indptr, const void* ids, const void* perm, const void* weight, const void* x,
                                  const void* largest, const void* factor, const void* value, void* out, int64_t rows,
                                  int64_t edges, int64_t other_rows, int64_t heads, int64_t width, int64_t transposed,
                                  int64_t dtype, int64_t index, int64_t threads) {
  using namespace heddle;
  const Argmax op{{indptr, ids, perm, rows, edges, other_rows, index}, weight, x, largest, factor, value, out, heads, width,
               dtype, transposed != 0};
  if (int status = check("spmm_argmax", op)) return status;
  return for_rows("spmm_argmax", op.walk, 2 * heads * width * size_of(dtype), threads,
                  [&](int64_t first, int64_t last) { HEDDLE_PICK(spmm_argmax_rows)(op, first, last); });
}

extern "C" int heddle_sddmm_argmax(const void* indptr, const void* ids, const void* weight, const void* x, const void* largest,
                                   const void* a, const void* b, void* out, int64_t rows, int64_t edges,
                                   int64_t other_rows, int64_t heads, int64_t width, int64_t transposed, int64_t dtype, int64_t index,
                                   int64_t threads) {
  using namespace heddle;
  const Argmax op{{indptr, ids, nullptr, rows, edges, other_rows, index}, weight, x, largest, a, b, out, heads, width, dtype,
               transposed != 0};
  if (int status = check("sddmm_argmax", op)) return status;
  return for_rows("sddmm_argmax", op.walk, 2 * heads * width * size_of(dtype), threads,
                  [&](int64_t first, int64_t last) { HEDDLE_PICK(sddmm_argmax_rows)(op, first, last); });
}
