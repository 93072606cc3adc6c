#include "sddmm.hpp"

#include "check.hpp"
#include "lanes.cuh"

namespace heddle::cuda {
namespace {

constexpr int ROUNDS = 8;  // items that a group takes one after another, along which rows are found

// A warp takes stretches of edges and heads; its groups of lanes go along them side by side.
template <class T, class I, int V>
__global__ void __launch_bounds__(THREADS) dot_kernel(Sddmm<T, I> op, int lanes) {
  const Lane me = my_lane(32);
  const int groups = 32 / lanes, group = me.lane / lanes, lane = me.lane % lanes;
  const int64_t items = op.walk.edges * op.heads, stretch = ROUNDS * groups;
  for (int64_t first = me.first * stretch; first < items; first += me.step * stretch) {
    int64_t row = op.walk.row_of(quotient(first, op.heads));
    for (int round = 0; round < ROUNDS; ++round) {
      const int64_t item = first + round * groups + group, j = quotient(item, op.heads);
      const bool mine = item < items;
      if (mine) row = op.walk.row_from(row, j);
      const sum_t<T> part = mine ? sddmm_dot<T, I, V>(op, row, j, item - j * op.heads, lane, lanes) : sum_t<T>(0);
      const sum_t<T> all = fold_sum(part, lanes);
      if (mine && lane == 0) op.out[item] = static_cast<T>(all);
    }
  }
}

template <class T, class I, int V>
__global__ void __launch_bounds__(THREADS) add_kernel(Sddmm<T, I> op, int lanes) {
  const Lane me = my_lane(32);
  const int groups = 32 / lanes, group = me.lane / lanes, lane = me.lane % lanes;
  const int64_t stretch = ROUNDS * groups;
  for (int64_t first = me.first * stretch; first < op.walk.edges; first += me.step * stretch) {
    int64_t row = op.walk.row_of(first);
    for (int round = 0; round < ROUNDS; ++round) {
      const int64_t j = first + round * groups + group;
      if (j >= op.walk.edges) break;
      row = op.walk.row_from(row, j);
      sddmm_add<T, I, V>(op, row, j, lane, lanes);
    }
  }
}

}  // namespace
}  // namespace heddle::cuda

extern "C" int heddle_cuda_sddmm(const void* indptr, const void* ids, const void* a, const void* b, void* out,
                                 int64_t rows, int64_t edges, int64_t b_rows, int64_t heads, int64_t width,
                                 int64_t dtype, int64_t index, int64_t combine, void* fault, void* stream) {
  using namespace heddle::cuda;
  if (int status = check_walk("sddmm", {rows, edges, b_rows, heads, width}, dtype, index)) return status;
  if (int status = check_code("sddmm", "combine", combine, HEDDLE_ADD)) return status;
  if (edges == 0 || heads == 0 || rows == 0) return HEDDLE_OK;
  const auto to = static_cast<cudaStream_t>(stream);
  with_dtype(dtype, [&](auto value) {
    with_index(index, [&](auto id) {
      using T = untag<decltype(value)>;
      using I = untag<decltype(id)>;
      const Walk<I> walk{static_cast<const I*>(indptr), static_cast<const I*>(ids), nullptr, rows, edges, b_rows,
                         static_cast<int64_t*>(fault)};
      const Sddmm<T, I> op{walk, static_cast<const T*>(a), static_cast<const T*>(b), static_cast<T*>(out), heads, width};
      const auto blocks = [](int64_t items, int lanes) { return blocks_for((items * lanes + ROUNDS - 1) / ROUNDS, 1); };
      if (combine == HEDDLE_DOT)
        with_columns<T>(width, addresses(a, b), [&](auto columns) {
          constexpr int V = decltype(columns)::value;
          const int lanes = lanes_for(width / V);
          dot_kernel<T, I, V><<<blocks(edges * heads, lanes), THREADS, 0, to>>>(op, lanes);
        });
      else
        with_columns<T>(heads * width, addresses(a, b, out), [&](auto columns) {
          constexpr int V = decltype(columns)::value;
          const int lanes = lanes_for(heads * width / V);
          add_kernel<T, I, V><<<blocks(edges, lanes), THREADS, 0, to>>>(op, lanes);
        });
    });
  });
  return launched("sddmm");
}
