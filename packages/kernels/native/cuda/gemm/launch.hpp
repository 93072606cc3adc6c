// A grouped product, its problems already in device memory, and the kernels that can run it.
#pragma once
#include <cuda_runtime.h>

#include "../host/plan.hpp"
#include "arrays.hpp"

namespace heddle::cuda {

struct Launch {
  Arrays arrays;
  int64_t groups;
  Plan plan;
  bool bias;
  int multiprocessors;
  char* scratch;  // what is left of the workspace
  int64_t scratch_bytes;
  cudaStream_t stream;
};

// Each returns a status; one compilation unit each, so that they are built side by side.
int ampere_float32(const Launch&);
int ampere_float64(const Launch&);
int ampere_tf32(const Launch&);
int ampere_3xtf32(const Launch&);
int ampere_float16(const Launch&);
int ampere_bfloat16(const Launch&);
int ampere_float16_any(const Launch&);   // of any alignment
int ampere_bfloat16_any(const Launch&);
int hopper_float16_narrow(const Launch&);
int hopper_float16_wide(const Launch&);
int hopper_bfloat16_narrow(const Launch&);
int hopper_bfloat16_wide(const Launch&);

}  // namespace heddle::cuda
