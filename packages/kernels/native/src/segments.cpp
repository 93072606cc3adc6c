#include "segments.hpp"

#include <atomic>

namespace heddle {

static constexpr int64_t CHUNK = 1 << 16;

template <class I> bool is_sorted(const I* ids, int64_t count, int64_t threads) {
  std::atomic<bool> sorted{true};
  parallel_for((count + CHUNK - 1) / CHUNK, threads, [&](int64_t k) {
    if (!sorted.load(std::memory_order_relaxed)) return;
    const int64_t last = (k + 1) * CHUNK < count ? (k + 1) * CHUNK : count - 1;
    bool falls = false;
    for (int64_t i = k * CHUNK; i < last; ++i) falls |= ids[i] > ids[i + 1];
    if (falls) sorted.store(false, std::memory_order_relaxed);
  });
  return sorted;
}

template <class I> void counting_sort(const I* ids, I* order, I* indptr, int64_t count, int64_t values, int64_t threads) {
  // Each block of ids counts its own, so that blocks can place theirs at once and stay in order.
  int64_t blocks = count / CHUNK;
  const int64_t most = values * 4 < count ? resolve_threads(threads) : 2;  // tables small beside the ids
  blocks = blocks > most ? most : blocks;
  if (blocks < 1 || resolve_threads(threads) == 1) blocks = 1;
  std::vector<I> table(static_cast<size_t>(blocks * values));
  const auto bound = [&](int64_t b) { return count / blocks * b + (b == blocks ? count % blocks : 0); };
  parallel_for(blocks, threads, [&](int64_t b) {
    I* const own = table.data() + b * values;
    for (int64_t i = bound(b), end = bound(b + 1); i < end; ++i) ++own[ids[i]];
  });
  I place = 0;
  for (int64_t v = 0; v < values; ++v) {
    indptr[v] = place;
    for (int64_t b = 0; b < blocks; ++b) {
      const I own = table[b * values + v];
      table[b * values + v] = place;
      place += own;
    }
  }
  indptr[values] = place;
  parallel_for(blocks, threads, [&](int64_t b) {
    I* const own = table.data() + b * values;
    for (int64_t i = bound(b), end = bound(b + 1); i < end; ++i) order[own[ids[i]]++] = static_cast<I>(i);
  });
}

template <class I> void pointers(const I* ids, I* indptr, int64_t count, int64_t values, int64_t threads) {
  parallel_for((count + CHUNK) / CHUNK, threads, [&](int64_t k) {
    const int64_t last = (k + 1) * CHUNK <= count ? (k + 1) * CHUNK : count + 1;
    for (int64_t i = k * CHUNK; i < last; ++i) {
      const int64_t from = i == 0 ? 0 : static_cast<int64_t>(ids[i - 1]) + 1;
      const int64_t to = i == count ? values : static_cast<int64_t>(ids[i]);
      for (int64_t v = from; v <= to; ++v) indptr[v] = static_cast<I>(i);
    }
  });
}

template bool is_sorted(const int32_t*, int64_t, int64_t);
template bool is_sorted(const int64_t*, int64_t, int64_t);
template void counting_sort(const int32_t*, int32_t*, int32_t*, int64_t, int64_t, int64_t);
template void counting_sort(const int64_t*, int64_t*, int64_t*, int64_t, int64_t, int64_t);
template void pointers(const int32_t*, int32_t*, int64_t, int64_t, int64_t);
template void pointers(const int64_t*, int64_t*, int64_t, int64_t, int64_t);

int Segments::build(const char* op, const void* ids, int64_t count, int64_t segments, int64_t index, int64_t threads) {
  if (int status = check_sizes(op, {count, segments})) return status;
  if (int status = check_ids(op, {ids}, index)) return status;
  const int64_t at = first_bad(ids, count, segments, index, threads);
  if (at >= 0) return out_of_range(op, "segment_ids", ids, at, segments, index);
  with_index(index, [&](auto tag) {
    using I = untag<decltype(tag)>;
    const I* const all = static_cast<const I*>(ids);
    const bool sorted = is_sorted(all, count, threads);
    memory.resize(static_cast<size_t>(segments + 1 + (sorted ? 0 : count)) * sizeof(I));
    I* const indptr = reinterpret_cast<I*>(memory.data());
    I* const order = sorted ? nullptr : indptr + segments + 1;
    if (sorted)
      pointers(all, indptr, count, segments, threads);
    else
      counting_sort(all, order, indptr, count, segments, threads);
    walk = {indptr, order, order, segments, count, count, index};
  });
  return HEDDLE_OK;
}

}  // namespace heddle
