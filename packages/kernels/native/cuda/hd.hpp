// What host and device share: the same functions run in kernels and, in the tests, on the processor.
#pragma once
#include <cstdint>

#if defined(__CUDACC__)
#define HEDDLE_HD __host__ __device__ __forceinline__
#else
#define HEDDLE_HD inline
#endif

namespace heddle::cuda {

// The first fault of a call stays; see heddle_cuda.h.
HEDDLE_HD void note(int64_t* fault, int64_t code, int64_t position, int64_t value, int64_t bound) {
  if (!fault) return;
#if defined(__CUDA_ARCH__)
  auto* const flag = reinterpret_cast<unsigned long long*>(fault);
  if (atomicCAS(flag, 0ull, static_cast<unsigned long long>(code)) != 0) return;
#else
  if (fault[0]) return;
  fault[0] = code;
#endif
  fault[1] = position;
  fault[2] = value;
  fault[3] = bound;
}

// The run r of `runs` with starts[r] <= j < starts[r + 1].
template <class I>
HEDDLE_HD int64_t run_of(const I* starts, int64_t runs, int64_t j) {
  int64_t low = 0, high = runs;  // starts[low] <= j < starts[high]
  while (high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    if (starts[middle] <= j)
      low = middle;
    else
      high = middle;
  }
  return low;
}

// a / b of numbers that aren't negative, which most often have 32 bits: devices divide those faster.
HEDDLE_HD int64_t quotient(int64_t a, int64_t b) {
  if (((a | b) >> 32) == 0) return static_cast<uint32_t>(a) / static_cast<uint32_t>(b);
  return a / b;
}

// Whether 0 <= id < bound.
HEDDLE_HD bool within(int64_t id, int64_t bound) { return static_cast<uint64_t>(id) < static_cast<uint64_t>(bound); }

}  // namespace heddle::cuda
