// Checks at the door of the plain kernels.
#pragma once
#include <cstdint>
#include <initializer_list>

#include "../host/plan.hpp"
#include "../host/status.hpp"

namespace heddle::cuda {

inline int check_code(const char* op, const char* what, int64_t result, int64_t last) {
  if (result >= 0 && result <= last) return HEDDLE_OK;
  return fail(HEDDLE_INVALID, "%s: %s: found %lld, expected 0 to %lld; pass a code of heddle_kernels.h", op, what,
              num(result), num(last));
}

inline int check_walk(const char* op, std::initializer_list<int64_t> counts, int64_t dtype, int64_t index) {
  for (const int64_t count : counts)
    if (count < 0) return fail(HEDDLE_INVALID, "%s: found a count of %lld, expected 0 or more", op, num(count));
  if (int status = check_code(op, "dtype", dtype, HEDDLE_FLOAT16)) return status;
  return check_code(op, "index", index, HEDDLE_INT64);
}

// Columns are counted in 32 bits, steps past the last included.
inline int check_columns(const char* op, int64_t columns) {
  if (columns <= INT32_MAX / 2) return HEDDLE_OK;
  return fail(HEDDLE_INVALID, "%s: found %lld columns, expected at most 2**30; split them", op, num(columns));
}

}  // namespace heddle::cuda
