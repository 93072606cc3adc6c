// Element types on the device, the step from a type code to a template, and errors of the runtime.
#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include "host/status.hpp"

namespace heddle::cuda {

template <class T>
struct Tag {
  using type = T;
};
template <class T>
using untag = typename T::type;

template <class F>
auto with_dtype(int64_t dtype, F&& f) {
  switch (dtype) {
    case HEDDLE_FLOAT64:
      return f(Tag<double>{});
    case HEDDLE_BFLOAT16:
      return f(Tag<__nv_bfloat16>{});
    case HEDDLE_FLOAT16:
      return f(Tag<__half>{});
    default:
      return f(Tag<float>{});
  }
}

template <class F>
auto with_index(int64_t index, F&& f) {
  return index == HEDDLE_INT64 ? f(Tag<int64_t>{}) : f(Tag<int32_t>{});
}

inline int64_t bytes_of(int64_t dtype) { return dtype == HEDDLE_FLOAT64 ? 8 : dtype == HEDDLE_FLOAT32 ? 4 : 2; }

// Bytes of what sums are kept in.
inline int64_t sum_bytes(int64_t dtype) { return dtype == HEDDLE_FLOAT64 ? 8 : 4; }

// Return a status for what the runtime said of a launch.
inline int checked(const char* op, cudaError_t error) {
  if (error == cudaSuccess) return HEDDLE_OK;
  return fail(error == cudaErrorMemoryAllocation ? HEDDLE_MEMORY : HEDDLE_INVALID,
              "%s: found CUDA error \"%s\", expected a launch; see the arguments and the device", op,
              cudaGetErrorString(error));
}
inline int launched(const char* op) { return checked(op, cudaGetLastError()); }

}  // namespace heddle::cuda
