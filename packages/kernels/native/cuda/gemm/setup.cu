#include "setup.cuh"

namespace heddle::cuda {
namespace {

constexpr int THREADS = 1024;

// One block: each thread sums a stretch of sizes, the block scans the sums, and each thread writes its stretch.
template <class I>
__global__ void __launch_bounds__(THREADS) segments_kernel(Arrays to, Segments of, const I* sizes, int64_t n,
                                                           int64_t groups, int64_t* fault) {
  __shared__ int64_t sums[THREADS];
  const int64_t stretch = (groups + THREADS - 1) / THREADS;
  const int64_t first = min(groups, threadIdx.x * stretch), last = min(groups, first + stretch);
  int64_t mine = 0;
  for (int64_t g = first; g < last; ++g) mine += checked_size(sizes[g], g, n, fault);
  sums[threadIdx.x] = mine;
  __syncthreads();
  for (int step = 1; step < THREADS; step *= 2) {
    const int64_t before = threadIdx.x >= step ? sums[threadIdx.x - step] : 0;
    __syncthreads();
    sums[threadIdx.x] += before;
    __syncthreads();
  }
  int64_t row = sums[threadIdx.x] - mine;
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

// A block for each group in turn; 0 has the same bytes in every type.
__global__ void clear_kernel(Arrays of, char* out, int64_t bytes, int64_t groups) {
  for (int64_t g = blockIdx.x; g < groups; g += gridDim.x) {
    if (of.offsets[g] != of.offsets[g + 1]) continue;
    uint16_t* const to = reinterpret_cast<uint16_t*>(out + g * bytes);
    for (int64_t i = threadIdx.x; i < bytes / 2; i += blockDim.x) to[i] = 0;
  }
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

cudaError_t clear_empty(const Arrays& of, const Segments& segments, int64_t groups, cudaStream_t stream) {
  const int blocks = static_cast<int>(groups < 4096 ? groups : 4096);
  clear_kernel<<<blocks, 256, 0, stream>>>(of, segments.out, segments.k * segments.m * segments.element, groups);
  return cudaGetLastError();
}

}  // namespace heddle::cuda
