#include "softmax.hpp"

#include "check.hpp"
#include "lanes.cuh"

namespace heddle::cuda {
namespace {

constexpr int ROUNDS = 8;  // positions that a lane takes one after another, along which segments are found

template <class A>
__device__ __forceinline__ Stats<A> fold_parts(Stats<A> result, int parts) {
  const unsigned mask = group_mask(parts);
  for (int step = parts / 2; step > 0; step /= 2)
    result = joined(result, {__shfl_xor_sync(mask, result.top, step), __shfl_xor_sync(mask, result.sum, step)});
  return result;
}

template <class T, class I>
__global__ void __launch_bounds__(THREADS) rows_kernel(Softmax<T, I> op, int parts) {
  const Lane me = my_lane(parts);
  for (int64_t item = me.first; item < op.walk.rows * op.width; item += me.step) {
    const int64_t s = quotient(item, op.width);
    const auto result = fold_parts(softmax_row(op, s, item - s * op.width, me.lane, parts), parts);
    if (me.lane == 0) op.stats[item] = result;
  }
}

// A warp for each chunk that lies within one segment.
template <class T, class I>
__global__ void __launch_bounds__(THREADS) chunks_kernel(Softmax<T, I> op) {
  const Lane me = my_lane(32);
  for (int64_t c = me.first; c < chunks_of(op.walk.edges); c += me.step) {
    if (!op.walk.whole(c)) continue;
    for (int64_t column = 0; column < op.width; ++column) {
      const auto result = fold_parts(softmax_chunk(op, c, column, me.lane, 32), 32);
      if (me.lane == 0) op.partial[c * op.width + column] = result;
    }
  }
}

template <class T, class I>
__global__ void __launch_bounds__(THREADS) write_kernel(Softmax<T, I> op) {
  const Lane me = my_lane(32);
  const int64_t items = op.walk.edges * op.width, stretch = ROUNDS * 32;
  for (int64_t first = me.first * stretch; first < items; first += me.step * stretch) {
    int64_t row = op.walk.row_of(quotient(first, op.width));
    for (int64_t item = first + me.lane; item < items && item < first + stretch; item += 32) {
      const int64_t j = quotient(item, op.width);
      row = op.walk.row_from(row, j);
      if (op.walk.holds(row, j)) softmax_write(op, row, j, item - j * op.width);
    }
  }
}

template <class T, class I>
void launch(const Softmax<T, I>& op, cudaStream_t stream) {
  const int64_t count = op.walk.edges, segments = op.walk.rows, chunks = chunks_of(count);
  if (chunks) chunks_kernel<<<blocks_for(chunks, 32), THREADS, 0, stream>>>(op);
  const int parts = parts_for(count, segments, 1, 4);
  rows_kernel<<<blocks_for(segments * op.width, parts), THREADS, 0, stream>>>(op, parts);
  write_kernel<<<blocks_for((count * op.width + ROUNDS - 1) / ROUNDS, 1), THREADS, 0, stream>>>(op);
}

int run(const char* name, const void* indptr, const void* perm, const void* data, const void* grad, void* out,
        int64_t count, int64_t segments, int64_t width, int64_t dtype, int64_t index, void* workspace,
        int64_t workspace_bytes, void* fault, void* stream) {
  if (int status = check_walk(name, {count, segments, width}, dtype, index)) return status;
  if (count == 0 || segments == 0 || width == 0) return HEDDLE_OK;
  const int64_t needed = heddle_cuda_segment_softmax_workspace(count, segments, width, dtype);
  if (int status = check_workspace(name, workspace, workspace_bytes, needed)) return status;
  with_dtype(dtype, [&](auto value) {
    with_index(index, [&](auto id) {
      using T = untag<decltype(value)>;
      using I = untag<decltype(id)>;
      const Walk<I> walk{static_cast<const I*>(indptr), nullptr, static_cast<const I*>(perm), segments, count, count,
                         static_cast<int64_t*>(fault)};
      auto* const stats = static_cast<Stats<sum_t<T>>*>(workspace);
      launch(Softmax<T, I>{walk, static_cast<const T*>(data), static_cast<const T*>(grad), static_cast<T*>(out),
                           stats + segments * width, stats, width},
             static_cast<cudaStream_t>(stream));
    });
  });
  return launched(name);
}

}  // namespace
}  // namespace heddle::cuda

extern "C" int64_t heddle_cuda_segment_softmax_workspace(int64_t count, int64_t segments, int64_t width, int64_t dtype) {
  return 2 * (segments + heddle::cuda::chunks_of(count)) * width * heddle::cuda::sum_bytes(dtype);
}

extern "C" int heddle_cuda_segment_softmax(const void* indptr, const void* perm, const void* data, void* out,
                                           int64_t count, int64_t segments, int64_t width, int64_t dtype, int64_t index,
                                           void* workspace, int64_t workspace_bytes, void* fault, void* stream) {
  return heddle::cuda::run("segment_softmax", indptr, perm, data, nullptr, out, count, segments, width, dtype, index,
                           workspace, workspace_bytes, fault, stream);
}

extern "C" int heddle_cuda_segment_softmax_grad(const void* indptr, const void* perm, const void* y, const void* grad,
                                                void* out, int64_t count, int64_t segments, int64_t width, int64_t dtype,
                                                int64_t index, void* workspace, int64_t workspace_bytes, void* fault,
                                                void* stream) {
  return heddle::cuda::run("segment_softmax_grad", indptr, perm, y, grad, out, count, segments, width, dtype, index,
                           workspace, workspace_bytes, fault, stream);
}
