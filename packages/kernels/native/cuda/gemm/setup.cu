#include "setup.cuh"

namespace heddle::cuda {
namespace {

constexpr int THREADS = 1024;

// Return the sum of the values of threads before this one, in a block of THREADS.
__device__ int64_t before(int64_t mine) {
  __shared__ int64_t sums[THREADS];
  __syncthreads();  // what was read of an earlier call
  sums[threadIdx.x] = mine;
  __syncthreads();
  for (int step = 1; step < THREADS; step *= 2) {
    const int64_t left = threadIdx.x >= step ? sums[threadIdx.x - step] : 0;
    __syncthreads();
    sums[threadIdx.x] += left;
    __syncthreads();
  }
  return sums[threadIdx.x] - mine;
}

// One block: each thread sums a stretch of sizes, the block scans the sums, and each thread writes its stretch.
template <class I>
__global__ void __launch_bounds__(THREADS) segments_kernel(Arrays to, Segments of, const I* sizes, int64_t n,
                                                           int64_t groups, int64_t* fault) {
  const int64_t stretch = (groups + THREADS - 1) / THREADS;
  const int64_t first = min(groups, threadIdx.x * stretch), last = min(groups, first + stretch);
  int64_t mine = 0;
  for (int64_t g = first; g < last; ++g) mine += checked_size(sizes[g], g, n, fault);
  int64_t row = before(mine);
  for (int64_t g = first; g < last; ++g) {
    const int64_t end = row + checked_size(sizes[g], g, n, nullptr);
    to.offsets[g] = clamped(row, n);
    put(to, g, segment_problem(of, g, clamped(row, n), clamped(end, n)));
    row = end;
  }
  if (threadIdx.x == THREADS - 1) {
    to.offsets[groups] = clamped(row, n);
    if (row != n) note(fault, HEDDLE_FAULT_TOTAL, 0, row, n);
  }
}

__global__ void pairs_kernel(Arrays to, __grid_constant__ const Pairs pairs) {
  const int i = threadIdx.x;
  if (i >= pairs.count) return;
  const Pair& pair = pairs.of[i];
  put(to, pairs.first + i,
      pair_problem(pair.lhs, pair.rhs, pair.bias, pair.out, pair.n, pair.k, pair.m, pairs.mode));
}

// One block, as in segments_kernel; stretches are counted once it is known where the groups' rows end.
template <class I>
__global__ void __launch_bounds__(THREADS)
    cuts_kernel(Cuts to, const I* sizes, int64_t n, int64_t groups, int64_t* fault) {
  const int64_t each = (groups + THREADS - 1) / THREADS;
  const int64_t first = min(groups, threadIdx.x * each), last = min(groups, first + each);
  int64_t rows = 0;
  for (int64_t g = first; g < last; ++g) rows += checked_size(sizes[g], g, n, fault);
  int64_t row = before(rows), stretches = 0, kept = 0;
  for (int64_t g = first; g < last; ++g) {
    to.offsets[g] = clamped(row, n);
    row += checked_size(sizes[g], g, n, nullptr);
    const int64_t size = clamped(row, n) - to.offsets[g];
    stretches += stretches_of(size, to.rows);
    kept += kept_of(size, to.rows);
  }
  int64_t stretch = before(stretches), slot = before(kept);
  for (int64_t g = first; g < last; ++g) {
    const int64_t size = (g + 1 < last ? to.offsets[g + 1] : clamped(row, n)) - to.offsets[g];
    to.firsts[g] = stretch;
    to.slots[g] = slot;
    stretch += stretches_of(size, to.rows);
    slot += kept_of(size, to.rows);
  }
  if (threadIdx.x != THREADS - 1) return;
  to.offsets[groups] = clamped(row, n);
  to.firsts[groups] = stretch;
  to.slots[groups] = slot;
  if (row != n) note(fault, HEDDLE_FAULT_TOTAL, 0, row, n);
}

__global__ void stretches_kernel(Arrays to, Segments of, Cuts cuts, int64_t count, int64_t groups) {
  const int64_t p = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x;
  if (p < count) put(to, p, stretch_problem(of, cuts, groups, p));
}

}  // namespace

cudaError_t set_up_segments(const Arrays& to, const Segments& of, const void* sizes, int64_t index, int64_t n,
                            int64_t groups, int64_t* fault, cudaStream_t stream) {
  if (index == HEDDLE_INT64)
    segments_kernel<<<1, THREADS, 0, stream>>>(to, of, static_cast<const int64_t*>(sizes), n, groups, fault);
  else
    segments_kernel<<<1, THREADS, 0, stream>>>(to, of, static_cast<const int32_t*>(sizes), n, groups, fault);
  return cudaGetLastError();
}

cudaError_t set_up_pairs(const Arrays& to, const Pairs& pairs, cudaStream_t stream) {
  pairs_kernel<<<1, PAIRS, 0, stream>>>(to, pairs);
  return cudaGetLastError();
}

cudaError_t set_up_stretches(const Arrays& to, const Segments& of, const Cuts& cuts, int64_t count, const void* sizes,
                             int64_t index, int64_t n, int64_t groups, int64_t* fault, cudaStream_t stream) {
  if (index == HEDDLE_INT64)
    cuts_kernel<<<1, THREADS, 0, stream>>>(cuts, static_cast<const int64_t*>(sizes), n, groups, fault);
  else
    cuts_kernel<<<1, THREADS, 0, stream>>>(cuts, static_cast<const int32_t*>(sizes), n, groups, fault);
  const unsigned blocks = static_cast<unsigned>((count + 127) / 128);
  stretches_kernel<<<blocks, 128, 0, stream>>>(to, of, cuts, count, groups);
  return cudaGetLastError();
}

}  // namespace heddle::cuda
