#include "sample.hpp"

#include "check.hpp"
#include "lanes.cuh"

namespace heddle::cuda {
namespace {

template <class I>
__global__ void count_kernel(Hop<I> hop, int64_t* counts, int64_t n) {
  const Lane me = my_lane(1);
  for (int64_t i = me.first; i < n; i += me.step) counts[i] = hop.count(i);
}

template <class I>
__global__ void draw_kernel(Hop<I> hop, const int64_t* ends, int64_t* taken, int64_t* receivers, int64_t* ids, int64_t n,
                            int64_t first, uint64_t key) {
  const Lane me = my_lane(1);
  for (int64_t i = me.first; i < n; i += me.step) hop.take(i, ends, first, key, taken, receivers, ids);
}

__global__ void claim_kernel(const int64_t* ids, int64_t* table, int64_t count) {
  const Lane me = my_lane(1);
  for (int64_t i = me.first; i < count; i += me.step) claim(table, ids[i], CLAIM + i);
}

__global__ void new_kernel(const int64_t* ids, const int64_t* table, int64_t* is_new, int64_t count) {
  const Lane me = my_lane(1);
  for (int64_t i = me.first; i < count; i += me.step) is_new[i] = table[ids[i]] == CLAIM + i;
}

__global__ void enter_kernel(const int64_t* ids, const int64_t* is_new, const int64_t* rank, int64_t* table,
                             int64_t* nodes, int64_t count, int64_t held) {
  const Lane me = my_lane(1);
  for (int64_t i = me.first; i < count; i += me.step) {
    if (!is_new[i]) continue;
    const int64_t position = held + rank[i] - 1;
    table[ids[i]] = position;
    nodes[position] = ids[i];
  }
}

template <class I>
Hop<I> make(const void* indptr, const void* senders, const int64_t* nodes, int64_t rows, int64_t edges, int64_t n_node,
            int64_t size, int64_t replace, void* fault) {
  const Walk<I> walk{static_cast<const I*>(indptr), static_cast<const I*>(senders), nullptr, rows, edges, n_node,
                     static_cast<int64_t*>(fault)};
  return {walk, nodes, size, replace != 0};
}

}  // namespace
}  // namespace heddle::cuda

using namespace heddle::cuda;

extern "C" int heddle_cuda_sample_count(const void* indptr, const int64_t* nodes, int64_t* counts, int64_t n,
                                        int64_t rows, int64_t edges, int64_t size, int64_t replace, int64_t index,
                                        void* fault, void* stream) {
  if (int status = check_walk("sample_count", {n, rows, edges, size + 1}, HEDDLE_FLOAT32, index)) return status;
  if (n == 0) return HEDDLE_OK;
  with_index(index, [&](auto id) {
    const auto hop = make<untag<decltype(id)>>(indptr, nullptr, nodes, rows, edges, 0, size, replace, fault);
    count_kernel<<<blocks_for(n, 1), THREADS, 0, static_cast<cudaStream_t>(stream)>>>(hop, counts, n);
  });
  return launched("sample_count");
}

extern "C" int heddle_cuda_sample_draw(const void* indptr, const void* senders, const int64_t* nodes,
                                       const int64_t* ends, int64_t* taken, int64_t* receivers, int64_t* ids, int64_t n,
                                       int64_t rows, int64_t edges, int64_t n_node, int64_t first, int64_t size,
                                       int64_t replace, uint64_t key, int64_t index, void* fault, void* stream) {
  if (int status = check_walk("sample_draw", {n, rows, edges, n_node, first, size + 1}, HEDDLE_FLOAT32, index))
    return status;
  if (n == 0) return HEDDLE_OK;
  with_index(index, [&](auto id) {
    const auto hop = make<untag<decltype(id)>>(indptr, senders, nodes, rows, edges, n_node, size, replace, fault);
    draw_kernel<<<blocks_for(n, 1), THREADS, 0, static_cast<cudaStream_t>(stream)>>>(hop, ends, taken, receivers, ids, n,
                                                                                   first, key);
  });
  return launched("sample_draw");
}

extern "C" int heddle_cuda_sample_claim(const int64_t* ids, int64_t* table, int64_t* is_new, int64_t count,
                                        void* stream) {
  if (int status = check_walk("sample_claim", {count}, HEDDLE_FLOAT32, HEDDLE_INT64)) return status;
  if (count == 0) return HEDDLE_OK;
  const auto to = static_cast<cudaStream_t>(stream);
  claim_kernel<<<blocks_for(count, 1), THREADS, 0, to>>>(ids, table, count);
  if (int status = launched("sample_claim")) return status;
  new_kernel<<<blocks_for(count, 1), THREADS, 0, to>>>(ids, table, is_new, count);
  return launched("sample_claim");
}

extern "C" int heddle_cuda_sample_enter(const int64_t* ids, const int64_t* is_new, const int64_t* rank, int64_t* table,
                                        int64_t* nodes, int64_t count, int64_t held, void* stream) {
  if (int status = check_walk("sample_enter", {count, held}, HEDDLE_FLOAT32, HEDDLE_INT64)) return status;
  if (count == 0) return HEDDLE_OK;
  enter_kernel<<<blocks_for(count, 1), THREADS, 0, static_cast<cudaStream_t>(stream)>>>(ids, is_new, rank, table, nodes,
                                                                                      count, held);
  return launched("sample_enter");
}
