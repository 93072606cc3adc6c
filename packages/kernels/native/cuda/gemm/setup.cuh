// Problems made on the device, so that nobody waits for the sizes of groups.
#pragma once
#include "launch.hpp"
#include "stretch.hpp"

namespace heddle::cuda {

// Up to this many pairs travel as arguments of one kernel, whose 4 KiB they fill.
constexpr int64_t PAIRS = 64;
struct Pair {
  const void *lhs, *rhs, *bias;
  void* out;
  int32_t n, k, m;
};
struct Pairs {
  Pair of[PAIRS];
  int64_t first;
  int32_t count, mode;
};
static_assert(sizeof(Pairs) + sizeof(Arrays) <= 4096);

// Write offsets and problems of `groups` groups whose `sizes` lie on the device.
cudaError_t set_up_segments(const Arrays& to, const Segments& of, const void* sizes, int64_t index, int64_t n,
                            int64_t groups, int64_t* fault, cudaStream_t stream);
cudaError_t set_up_pairs(const Arrays& to, const Pairs& pairs, cudaStream_t stream);
// Write offsets and cuts of groups, and a problem for each of `count` stretches.
cudaError_t set_up_stretches(const Arrays& to, const Segments& of, const Cuts& cuts, int64_t count, const void* sizes,
                             int64_t index, int64_t n, int64_t groups, int64_t* fault, cudaStream_t stream);

}  // namespace heddle::cuda
