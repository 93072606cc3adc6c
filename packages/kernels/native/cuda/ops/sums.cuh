// The kernels of sums.hpp: whole chunks of long rows first, then all rows.
#pragma once
#include "lanes.cuh"
#include "sums.hpp"

namespace heddle::cuda {
namespace {

// Join what the parts of a group came to: lanes of one column lie `lanes` apart.
template <class A, int V, bool MAX>
__device__ __forceinline__ void fold_parts(Running<A, V, MAX>& running, int lanes, int parts) {
  const unsigned mask = group_mask(lanes * parts);
  for (int step = lanes; step < lanes * parts; step *= 2) {
    Running<A, V, MAX> other;
    for (int v = 0; v < V; ++v) other.sum[v] = __shfl_xor_sync(mask, running.sum[v], step);
    other.first = __shfl_xor_sync(mask, static_cast<int>(running.first), step) != 0;
    running.join(other);
  }
}

// Reduce one item in all its columns, a warp or a part of one: all of it goes round alike, for fold_parts.
template <class A, int V, bool MAX, class Part, class Write>
__device__ __forceinline__ void reduce(int lane_of_group, int columns, int lanes, int parts, Part&& part_of, Write&& write) {
  const int lane = lane_of_group % lanes, part = lane_of_group / lanes;
  for (int first = 0; first < columns; first += lanes * V) {
    const int column = first + lane * V;
    Running<A, V, MAX> running;
    if (column < columns) running = part_of(column, part);
    fold_parts(running, lanes, parts);
    if (column < columns && part == 0) write(column, running);
  }
}

template <int V, bool MAX, class Op>
__global__ void __launch_bounds__(THREADS) rows_kernel(Op op, int lanes, int parts) {
  const Lane me = my_lane(lanes * parts);
  const int columns = static_cast<int>(op.heads * op.width);
  for (int64_t r = me.first; r < op.walk.rows; r += me.step)
    reduce<sum_t<typename Op::T>, V, MAX>(
        me.lane, columns, lanes, parts, [&](int column, int part) { return sum_row<V, MAX>(op, r, column, part, parts); },
        [&](int column, const auto& running) { write_row<V, MAX>(op, r, column, running); });
}

// A warp looks at LOOK chunks together, a lane each, and then reduces those that lie within one row.
constexpr int LOOK = 4;
template <int V, bool MAX, class Op>
__global__ void __launch_bounds__(THREADS) chunks_kernel(Op op, int lanes, int parts) {
  const Lane me = my_lane(32);
  const int columns = static_cast<int>(op.heads * op.width);
  const int64_t chunks = chunks_of(op.walk.edges);
  for (int64_t from = me.first * LOOK; from < chunks; from += me.step * LOOK) {
    const bool whole = me.lane < LOOK && from + me.lane < chunks && op.walk.whole(from + me.lane);
    for (unsigned left = __ballot_sync(~0u, whole); left; left &= left - 1) {
      const int64_t c = from + __ffs(static_cast<int>(left)) - 1;
      reduce<sum_t<typename Op::T>, V, MAX>(
          me.lane, columns, lanes, parts, [&](int column, int part) { return sum_chunk<V, MAX>(op, c, column, part, parts); },
          [&](int column, const auto& running) { keep_chunk<V, MAX>(op, c, column, running); });
    }
  }
}

template <int V, bool MAX, class Op>
void launch_sums(const Op& op, cudaStream_t stream) {
  const int64_t columns = op.heads * op.width, rows = op.walk.rows, edges = op.walk.edges, chunks = chunks_of(edges);
  const int lanes = lanes_for(columns / V);
  if (chunks)
    chunks_kernel<V, MAX><<<blocks_for((chunks + LOOK - 1) / LOOK, 32), THREADS, 0, stream>>>(op, lanes, 32 / lanes);
  const int share = columns * static_cast<int64_t>(sizeof(typename Op::T)) < 32 ? BATCH : 4 * BATCH;
  const int parts = parts_for(edges, rows, lanes, share);
  rows_kernel<V, MAX><<<blocks_for(rows, lanes * parts), THREADS, 0, stream>>>(op, lanes, parts);
}

}  // namespace
}  // namespace heddle::cuda
