#include "spmm.hpp"

#include "check.hpp"
#include "lanes.cuh"

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

template <class T, class I, int V, bool MAX>
__global__ void __launch_bounds__(THREADS) rows_kernel(Spmm<T, I> op, int lanes, int parts) {
  const Lane me = my_lane(lanes * parts);
  const int columns = static_cast<int>(op.heads * op.width);
  for (int64_t r = me.first; r < op.walk.rows; r += me.step)
    reduce<sum_t<T>, V, MAX>(
        me.lane, columns, lanes, parts,
        [&](int column, int part) { return spmm_row<T, I, V, MAX>(op, r, column, part, parts); },
        [&](int column, const auto& running) { spmm_write(op, r, column, running); });
}

// A warp looks at LOOK chunks at once, a lane each, and then reduces those that lie within one row.
constexpr int LOOK = 4;
template <class T, class I, int V, bool MAX>
__global__ void __launch_bounds__(THREADS) chunks_kernel(Spmm<T, I> op, int lanes, int parts) {
  const Lane me = my_lane(32);
  const int columns = static_cast<int>(op.heads * op.width);
  const int64_t chunks = chunks_of(op.walk.edges);
  for (int64_t from = me.first * LOOK; from < chunks; from += me.step * LOOK) {
    const bool whole = me.lane < LOOK && from + me.lane < chunks && op.walk.whole(from + me.lane);
    for (unsigned left = __ballot_sync(~0u, whole); left; left &= left - 1) {
      const int64_t c = from + __ffs(static_cast<int>(left)) - 1;
      reduce<sum_t<T>, V, MAX>(
          me.lane, columns, lanes, parts,
          [&](int column, int part) { return spmm_chunk<T, I, V, MAX>(op, c, column, part, parts); },
          [&](int column, const auto& running) { spmm_keep(op, c, column, running); });
    }
  }
}

template <class T, class I, int V, bool MAX>
void launch(const Spmm<T, I>& op, cudaStream_t stream) {
  const int64_t columns = op.heads * op.width, rows = op.walk.rows, edges = op.walk.edges, chunks = chunks_of(edges);
  const int lanes = lanes_for(columns / V);
  if (chunks)
    chunks_kernel<T, I, V, MAX><<<blocks_for((chunks + LOOK - 1) / LOOK, 32), THREADS, 0, stream>>>(op, lanes, 32 / lanes);
  const int share = columns * static_cast<int64_t>(sizeof(T)) < 32 ? BATCH : 4 * BATCH;
  const int parts = parts_for(edges, rows, lanes, share);
  rows_kernel<T, I, V, MAX><<<blocks_for(rows, lanes * parts), THREADS, 0, stream>>>(op, lanes, parts);
}

}  // namespace
}  // namespace heddle::cuda

extern "C" int64_t heddle_cuda_spmm_workspace(int64_t edges, int64_t columns, int64_t dtype) {
  return heddle::cuda::chunks_of(edges) * columns * heddle::cuda::sum_bytes(dtype);
}

extern "C" int heddle_cuda_spmm(const void* indptr, const void* ids, const void* perm, const void* weight, const void* x,
                                void* out, int64_t rows, int64_t edges, int64_t x_rows, int64_t heads, int64_t width,
                                int64_t dtype, int64_t index, int64_t reduce, void* workspace, int64_t workspace_bytes,
                                void* fault, void* stream) {
  using namespace heddle::cuda;
  if (int status = check_walk("spmm", {rows, edges, x_rows, heads, width}, dtype, index)) return status;
  if (int status = check_code("spmm", "reduce", reduce, HEDDLE_MAX)) return status;
  if (rows == 0 || heads * width == 0) return HEDDLE_OK;
  if (heads * width > INT32_MAX / 2)
    return fail(HEDDLE_INVALID, "spmm: found %lld columns, expected at most 2**30; split them", num(heads * width));
  const int64_t needed = heddle_cuda_spmm_workspace(edges, heads * width, dtype);
  if (int status = check_workspace("spmm", workspace, workspace_bytes, needed)) return status;
  with_dtype(dtype, [&](auto value) {
    with_index(index, [&](auto id) {
      using T = untag<decltype(value)>;
      using I = untag<decltype(id)>;
      const Walk<I> walk{static_cast<const I*>(indptr), static_cast<const I*>(ids), static_cast<const I*>(perm), rows,
                         edges, x_rows, static_cast<int64_t*>(fault)};
      const Spmm<T, I> op{walk, static_cast<const T*>(weight), static_cast<const T*>(x), static_cast<T*>(out),
                          static_cast<sum_t<T>*>(workspace), heads, width, reduce};
      with_columns<T>(width, addresses(x, out), [&](auto columns) {
        constexpr int V = decltype(columns)::value;
        if (reduce == HEDDLE_MAX)
          launch<T, I, V, true>(op, static_cast<cudaStream_t>(stream));
        else
          launch<T, I, V, false>(op, static_cast<cudaStream_t>(stream));
      });
    });
  });
  return launched("spmm");
}
