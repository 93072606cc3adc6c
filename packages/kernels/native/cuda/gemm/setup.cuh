// Problems made on the device, so that nobody waits for the sizes of groups.
#pragma once
#include "launch.hpp"

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
// Write 0 to the outer products of groups without rows: no tile visits them.
cudaError_t clear_empty(const Arrays& of, const Segments& segments, int64_t groups, cudaStream_t stream);

}  // namespace heddle::cuda
