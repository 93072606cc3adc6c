// Rows by id, moved as the widest words that divide a row.
#include "../hd.hpp"
#include "check.hpp"
#include "lanes.cuh"

namespace heddle::cuda {
namespace {

template <class Word, class I>
__global__ void __launch_bounds__(THREADS)
    kernel(const I* ids, const Word* x, Word* out, int64_t count, int64_t x_rows, int64_t words, int64_t* fault, int lanes) {
  const Lane me = my_lane(lanes);
  for (int64_t i = me.first; i < count; i += me.step) {
    const int64_t id = ids[i];
    const bool valid = within(id, x_rows);
    if (!valid) note(fault, HEDDLE_FAULT_ID, i, id, x_rows);
    for (int64_t w = me.lane; w < words; w += lanes) out[i * words + w] = valid ? x[id * words + w] : Word{};
  }
}

template <class Word, class I>
void launch(const void* ids, const void* x, void* out, int64_t count, int64_t x_rows, int64_t row_bytes, void* fault,
            cudaStream_t stream) {
  const int64_t words = row_bytes / static_cast<int64_t>(sizeof(Word));
  const int lanes = lanes_for(words);
  kernel<<<blocks_for(count, lanes), THREADS, 0, stream>>>(static_cast<const I*>(ids), static_cast<const Word*>(x),
                                                           static_cast<Word*>(out), count, x_rows, words,
                                                           static_cast<int64_t*>(fault), lanes);
}

}  // namespace
}  // namespace heddle::cuda

extern "C" int heddle_cuda_gather(const void* ids, const void* x, void* out, int64_t count, int64_t x_rows,
                                  int64_t row_bytes, int64_t index, void* fault, void* stream) {
  using namespace heddle::cuda;
  if (int status = check_walk("gather", {count, x_rows, row_bytes}, HEDDLE_FLOAT32, index)) return status;
  if (count == 0 || row_bytes == 0) return HEDDLE_OK;
  const auto to = static_cast<cudaStream_t>(stream);
  const uint64_t common = reinterpret_cast<uintptr_t>(x) | reinterpret_cast<uintptr_t>(out) | row_bytes;
  with_index(index, [&](auto id) {
    using I = untag<decltype(id)>;
    if (common % 16 == 0)
      launch<uint4, I>(ids, x, out, count, x_rows, row_bytes, fault, to);
    else if (common % 4 == 0)
      launch<uint32_t, I>(ids, x, out, count, x_rows, row_bytes, fault, to);
    else if (common % 2 == 0)
      launch<uint16_t, I>(ids, x, out, count, x_rows, row_bytes, fault, to);
    else
      launch<uint8_t, I>(ids, x, out, count, x_rows, row_bytes, fault, to);
  });
  return launched("gather");
}
