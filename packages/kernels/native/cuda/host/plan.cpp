#include "plan.hpp"

#include <algorithm>

#include "../heddle_cuda.h"
#include "status.hpp"

namespace heddle::cuda {

Plan choose(const Question& question) {
  const int64_t width = question.columns <= NARROW ? NARROW : WIDE;
  const auto plan = [&](Kernel kernel) {
    const bool doubled = kernel >= Kernel::HOPPER_FLOAT16 && question.columns > WIDE;
    return Plan{kernel, static_cast<int32_t>(question.mode), static_cast<int32_t>(doubled ? 2 * WIDE : width)};
  };
  const bool half = question.dtype == HEDDLE_FLOAT16;
  switch (question.dtype) {
    case HEDDLE_FLOAT64:
      return plan(Kernel::AMPERE_FLOAT64);
    case HEDDLE_FLOAT32:
      if (question.precision == HEDDLE_IEEE || !question.aligned) return plan(Kernel::AMPERE_FLOAT32);
      return plan(question.precision == HEDDLE_TF32 ? Kernel::AMPERE_TF32 : Kernel::AMPERE_3XTF32);
    default:
      if (!question.aligned) return plan(half ? Kernel::AMPERE_FLOAT16_ANY : Kernel::AMPERE_BFLOAT16_ANY);
      // Machine code for sm_90a runs on 9.0 alone. A bias is added where it costs no second pass over the output.
      if (question.capability == 90 && !question.bias)
        return plan(half ? Kernel::HOPPER_FLOAT16 : Kernel::HOPPER_BFLOAT16);
      return plan(half ? Kernel::AMPERE_FLOAT16 : Kernel::AMPERE_BFLOAT16);
  }
}

int64_t stretch_rows(int64_t n, int64_t k, int64_t m, int64_t multiprocessors) {
  const int64_t width = m <= NARROW ? NARROW : WIDE, most = 4 * multiprocessors;
  const int64_t tiles = std::min(((k + 127) / 128) * ((m + width - 1) / width), most);
  return std::max<int64_t>(256, (n * tiles / most + 63) / 64 * 64);
}

bool rows_aligned(const void* address, int64_t columns, int64_t element) {
  return reinterpret_cast<uintptr_t>(address) % 16 == 0 && columns * element % 16 == 0;
}

int check_codes(const char* op, int64_t dtype, int64_t index, int64_t precision) {
  if (dtype < HEDDLE_FLOAT32 || dtype > HEDDLE_FLOAT16)
    return fail(HEDDLE_INVALID, "%s: dtype: found %lld, expected 0 to 3; pass a heddle_dtype", op, num(dtype));
  if (index != HEDDLE_INT32 && index != HEDDLE_INT64)
    return fail(HEDDLE_INVALID, "%s: index: found %lld, expected 0 or 1; pass a heddle_index", op, num(index));
  if (precision < HEDDLE_IEEE || precision > HEDDLE_TF32)
    return fail(HEDDLE_INVALID, "%s: precision: found %lld, expected 0 to 2; pass a heddle_precision", op,
                num(precision));
  return HEDDLE_OK;
}

int check_counts(const char* op, int64_t n, int64_t groups, int64_t k, int64_t m) {
  const struct {
    const char* name;
    int64_t value;
  } counts[] = {{"n", n}, {"groups", groups}, {"k", k}, {"m", m}};
  for (const auto& [name, value] : counts)
    if (value < 0 || value > INT32_MAX)
      return fail(HEDDLE_INVALID, "%s: %s: found %lld, expected 0 to 2**31 - 1; split the product", op, name, num(value));
  return HEDDLE_OK;
}

int check_workspace(const char* op, const void* workspace, int64_t bytes, int64_t needed) {
  if (bytes < needed)
    return fail(HEDDLE_INVALID, "%s: workspace: found %lld bytes, expected %lld; ask heddle_cuda_*_workspace", op,
                num(bytes), num(needed));
  if (needed && (!workspace || reinterpret_cast<uintptr_t>(workspace) % 16))
    return fail(HEDDLE_INVALID, "%s: workspace: found address %p, expected a multiple of 16; allocate it so", op,
                workspace);
  return HEDDLE_OK;
}

}  // namespace heddle::cuda
