// Outer products by group: lhs transposed times rhs, the gradient of segment_matmul's matrices.
#include "../host/status.hpp"
#include "../ops/lanes.cuh"
#include "../ops/walk.hpp"
#include "setup.cuh"

namespace heddle::cuda {
namespace {

// Where everything lies in the workspace.
struct Space {
  int64_t count;  // of problems
  int64_t taken;  // bytes
};

Space lay_out(char* base, int64_t n, int64_t groups, int64_t k, int64_t m, int64_t element, int64_t rows,
              Arrays& arrays, Cuts& cuts) {
  Space space{most_stretches(n, groups, rows), 0};
  space.taken = carve(base, space.count, arrays);
  const auto take = [&](int64_t bytes) {
    char* const at = reinterpret_cast<char*>(reinterpret_cast<uintptr_t>(base) + space.taken);
    space.taken += (bytes + ALIGNED - 1) / ALIGNED * ALIGNED;
    return at;
  };
  cuts.rows = rows;
  cuts.offsets = reinterpret_cast<int64_t*>(take(8 * (groups + 1)));
  cuts.firsts = reinterpret_cast<int64_t*>(take(8 * (groups + 1)));
  cuts.slots = reinterpret_cast<int64_t*>(take(8 * (groups + 1)));
  cuts.kept = take(most_kept(n, rows) * k * m * element);
  return space;
}

// Sum what was kept of groups with several stretches, and write 0 to groups without rows; `pieces` blocks a group.
template <class T>
__global__ void __launch_bounds__(THREADS) sum_kernel(Cuts cuts, T* out, int64_t matrix, int64_t groups, int64_t pieces) {
  const T* const kept = reinterpret_cast<const T*>(cuts.kept);
  for (int64_t block = blockIdx.x; block < groups * pieces; block += gridDim.x) {
    const int64_t g = block / pieces, count = cuts.firsts[g + 1] - cuts.firsts[g];
    if (count == 1) continue;
    const T* const from = kept + cuts.slots[g] * matrix;
    for (int64_t i = block % pieces * THREADS + threadIdx.x; i < matrix; i += pieces * THREADS) {
      sum_t<T> sum = 0;
      for (int64_t s = 0; s < count; ++s) sum += static_cast<sum_t<T>>(from[s * matrix + i]);
      out[g * matrix + i] = static_cast<T>(sum);
    }
  }
}

cudaError_t sum_stretches(const Cuts& cuts, void* out, int64_t matrix, int64_t groups, int64_t dtype,
                          const Device& device, cudaStream_t stream) {
  const int64_t wanted = 8 * device.multiprocessors / groups + 1, most = (matrix + THREADS - 1) / THREADS;
  const int64_t pieces = wanted < most ? wanted : most;
  const unsigned blocks = blocks_for(groups * pieces, THREADS);
  with_dtype(dtype, [&](auto value) {
    using T = untag<decltype(value)>;
    sum_kernel<<<blocks, THREADS, 0, stream>>>(cuts, static_cast<T*>(out), matrix, groups, pieces);
  });
  return cudaGetLastError();
}

}  // namespace
}  // namespace heddle::cuda

using namespace heddle::cuda;

extern "C" int64_t heddle_cuda_segment_outer_workspace(int64_t n, int64_t groups, int64_t k, int64_t m, int64_t dtype) {
  Device device;
  if (ask("segment_outer_workspace", device)) return -1;
  Arrays arrays;
  Cuts cuts;
  const int64_t rows = stretch_rows(n, k, m, device.multiprocessors);
  return lay_out(nullptr, n, groups, k, m, bytes_of(dtype), rows, arrays, cuts).taken +
         SCRATCH * device.multiprocessors;
}

extern "C" int heddle_cuda_segment_outer(const void* lhs, const void* rhs, const void* sizes, void* out, int64_t n,
                                         int64_t groups, int64_t k, int64_t m, int64_t dtype, int64_t index,
                                         int64_t precision, void* workspace, int64_t workspace_bytes, void* fault,
                                         void* stream) {
  const char* const op = "segment_outer";
  if (int status = check_codes(op, dtype, index, precision)) return status;
  if (int status = check_counts(op, n, groups, k, m)) return status;
  if (groups == 0 || m == 0 || k == 0) return HEDDLE_OK;
  Device device;
  if (int status = ask(op, device)) return status;
  Launch of{};
  Cuts cuts;
  const int64_t element = bytes_of(dtype), rows = stretch_rows(n, k, m, device.multiprocessors);
  const Space space = lay_out(static_cast<char*>(workspace), n, groups, k, m, element, rows, of.arrays, cuts);
  const int64_t needed = space.taken + SCRATCH * device.multiprocessors;
  if (int status = check_workspace(op, workspace, workspace_bytes, needed)) return status;
  of.groups = space.count;
  open(workspace, workspace_bytes, space.taken, device, stream, of);
  const bool aligned = rows_aligned(lhs, k, element) && rows_aligned(out, m, element) && rows_aligned(rhs, m, element);
  of.plan = choose({dtype, precision, HEDDLE_OUTER, m, aligned, false, device.capability});
  const Segments given{static_cast<const char*>(lhs), static_cast<const char*>(rhs), nullptr, static_cast<char*>(out),
                       k, m, HEDDLE_OUTER, static_cast<int32_t>(element)};
  const cudaError_t error = set_up_stretches(of.arrays, given, cuts, of.groups, sizes, index, n, groups,
                                             static_cast<int64_t*>(fault), of.stream);
  if (int status = checked(op, error)) return status;
  if (n > 0)
    if (int status = run(of)) return status;
  return checked(op, sum_stretches(cuts, out, k * m, groups, dtype, device, of.stream));
}
