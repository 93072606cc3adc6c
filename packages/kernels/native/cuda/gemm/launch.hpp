// A grouped product, its problems already in device memory, and the kernels that can run it.
#pragma once
#include <cuda_runtime.h>

#include "../host/plan.hpp"
#include "arrays.hpp"

namespace heddle::cuda {

constexpr int DEVICES = 64;  // of which properties are kept

struct Device {
  int number = 0, multiprocessors = 0, capability = 0;
};

// More than the copy engine's descriptors of one multiprocessor take in any kernel here.
constexpr int64_t SCRATCH = 4096;

struct Launch {
  Arrays arrays;
  int64_t groups;
  Plan plan;
  bool bias;
  Device device;
  char* scratch;  // what is left of the workspace
  int64_t scratch_bytes;
  cudaStream_t stream;
};

// Learn of the current device; a status.
int ask(const char* op, Device& of);
// Fill in where to work: what is left of the workspace after `taken` bytes.
void open(void* workspace, int64_t bytes, int64_t taken, const Device& device, void* stream, Launch& of);
// Run the kernel of the plan; a status.
int run(const Launch& of);

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
int hopper_float16_doubled(const Launch&);
int hopper_bfloat16_narrow(const Launch&);
int hopper_bfloat16_wide(const Launch&);
int hopper_bfloat16_doubled(const Launch&);

}  // namespace heddle::cuda
