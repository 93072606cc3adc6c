// What all grouped products share: the device's properties, asked once, and the way to the kernel that was chosen.
#include "launch.hpp"

#include <atomic>

#include "../host/status.hpp"
#include "../types.cuh"

namespace heddle::cuda {

int ask(const char* op, Device& of) {
  static std::atomic<int64_t> known[DEVICES];  // multiprocessors and capability, 0 if never asked
  cudaError_t error = cudaGetDevice(&of.number);
  if (error) return checked(op, error);
  const bool kept = of.number < DEVICES;
  int64_t result = kept ? known[of.number].load(std::memory_order_relaxed) : 0;
  if (!result) {
    int multiprocessors = 0, major = 0, minor = 0;
    error = cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, of.number);
    if (!error) error = cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, of.number);
    if (!error) error = cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, of.number);
    if (error) return checked(op, error);
    result = static_cast<int64_t>(multiprocessors) << 32 | (10 * major + minor);
    if (kept) known[of.number].store(result, std::memory_order_relaxed);
  }
  of.multiprocessors = static_cast<int>(result >> 32);
  of.capability = static_cast<int>(result & 0xffffffff);
  if (of.capability >= 80) return HEDDLE_OK;
  return fail(HEDDLE_INVALID, "%s: found a device of capability %d.%d, expected 8.0 or later; run it on the CPU", op,
              of.capability / 10, of.capability % 10);
}

int run(const Launch& of) {
  switch (of.plan.kernel) {
    case Kernel::AMPERE_FLOAT32:
      return ampere_float32(of);
    case Kernel::AMPERE_FLOAT64:
      return ampere_float64(of);
    case Kernel::AMPERE_TF32:
      return ampere_tf32(of);
    case Kernel::AMPERE_3XTF32:
      return ampere_3xtf32(of);
    case Kernel::AMPERE_FLOAT16:
      return ampere_float16(of);
    case Kernel::AMPERE_BFLOAT16:
      return ampere_bfloat16(of);
    case Kernel::AMPERE_FLOAT16_ANY:
      return ampere_float16_any(of);
    case Kernel::AMPERE_BFLOAT16_ANY:
      return ampere_bfloat16_any(of);
    case Kernel::HOPPER_FLOAT16:
      return of.plan.width <= NARROW ? hopper_float16_narrow(of)
             : of.plan.width <= WIDE ? hopper_float16_wide(of)
                                     : hopper_float16_doubled(of);
    case Kernel::HOPPER_BFLOAT16:
      return of.plan.width <= NARROW ? hopper_bfloat16_narrow(of)
             : of.plan.width <= WIDE ? hopper_bfloat16_wide(of)
                                     : hopper_bfloat16_doubled(of);
  }
  return HEDDLE_INVALID;
}

void open(void* workspace, int64_t bytes, int64_t taken, const Device& device, void* stream, Launch& of) {
  of.device = device;
  of.scratch = static_cast<char*>(workspace) + taken;
  of.scratch_bytes = bytes - taken;
  of.stream = static_cast<cudaStream_t>(stream);
}

}  // namespace heddle::cuda
