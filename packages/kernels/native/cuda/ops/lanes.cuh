// Items shared among groups of lanes of a warp: how many lanes, how many blocks, and sums over a group.
#pragma once
#include "../types.cuh"

namespace heddle::cuda {

constexpr int THREADS = 256;

// The power of two that serves `work` pieces of an item: 1 to 32.
inline int lanes_for(int64_t work) {
  int lanes = 1;
  while (lanes < 32 && lanes < work) lanes *= 2;
  return lanes;
}

// The power of two of parts that an item's edges are shared among, `lanes` lanes each: enough for `share` edges a part.
inline int parts_for(int64_t edges, int64_t items, int lanes, int share) {
  int parts = 1;
  while (2 * parts * lanes <= 32 && edges >= 2 * parts * share * items) parts *= 2;
  return parts;
}

// Call f with the columns moved at a time, as a constant: 16 bytes of them, two, or one, by what `width` and all addresses
// are multiples of.
template <int V>
struct Columns {
  static constexpr int value = V;
};
template <class T, class F>
void with_columns(int64_t width, uintptr_t addresses, F&& f) {
  constexpr int WIDE = 16 / sizeof(T);
  const auto fits = [&](int v) { return width % v == 0 && addresses % (v * sizeof(T)) == 0; };
  if (fits(WIDE)) return f(Columns<WIDE>{});
  if constexpr (WIDE > 2)
    if (fits(2)) return f(Columns<2>{});
  f(Columns<1>{});
}
template <class... A>
uintptr_t addresses(const A*... of) {
  return (reinterpret_cast<uintptr_t>(of) | ...);
}

// Blocks for `items` groups of lanes; kernels go on in strides of the grid.
inline unsigned blocks_for(int64_t items, int lanes) {
  const int64_t blocks = (items + THREADS / lanes - 1) / (THREADS / lanes);
  return static_cast<unsigned>(blocks < 1 ? 1 : blocks < (1 << 20) ? blocks : 1 << 20);
}

#if defined(__CUDACC__)
struct Lane {
  int64_t first, step;  // items of this group
  int lane;
};
__device__ __forceinline__ Lane my_lane(int lanes) {
  const int64_t thread = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x;
  return {thread / lanes, gridDim.x * static_cast<int64_t>(blockDim.x) / lanes, static_cast<int>(thread % lanes)};
}
// The lanes of a group, which run together.
__device__ __forceinline__ unsigned group_mask(int lanes) {
  const unsigned in_warp = threadIdx.x % 32;
  return lanes == 32 ? ~0u : ((1u << lanes) - 1) << (in_warp / lanes * lanes);
}
template <class A, class F>
__device__ __forceinline__ A fold(A value, int lanes, F&& combine) {
  const unsigned mask = group_mask(lanes);
  for (int step = lanes / 2; step > 0; step /= 2) value = combine(value, __shfl_xor_sync(mask, value, step, lanes));
  return value;
}
template <class A>
__device__ __forceinline__ A fold_sum(A value, int lanes) {
  return fold(value, lanes, [](A a, A b) { return a + b; });
}
#endif

}  // namespace heddle::cuda
