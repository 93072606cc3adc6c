#include "segments/segments.hpp"

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

template <class I, class P> void counting_sort(const I* ids, P* order, P* indptr, int64_t count, int64_t values, int64_t threads) {
  // Each block of ids counts its own, so that blocks can place theirs concurrently and stay in order.
  int64_t blocks = count / CHUNK;
  const int64_t most = values * 4 < count ? resolve_threads(threads) : 2;  // tables small beside the ids
  blocks = blocks > most ? most : blocks;
  if (blocks < 1 || resolve_threads(threads) == 1) blocks = 1;
  std::vector<P> table(static_cast<size_t>(blocks * values));
  const auto bound = [&](int64_t b) { return count / blocks * b + (b == blocks ? count % blocks : 0); };
  parallel_for(blocks, threads, [&](int64_t b) {
    P* const counts = table.data() + b * values;
    for (int64_t i = bound(b), end = bound(b + 1); i < end; ++i) ++counts[ids[i]];
  });
  P position = 0;
  for (int64_t v = 0; v < values; ++v) {
    indptr[v] = position;
    for (int64_t b = 0; b < blocks; ++b) {
      const P block_count = table[b * values + v];
      table[b * values + v] = position;
      position += block_count;
    }
  }
  indptr[values] = position;
  parallel_for(blocks, threads, [&](int64_t b) {
    P* const next = table.data() + b * values;
    for (int64_t i = bound(b), end = bound(b + 1); i < end; ++i) order[next[ids[i]]++] = static_cast<P>(i);
  });
}

template <class I, class P> void pointers(const I* ids, P* indptr, int64_t count, int64_t values, int64_t threads) {
  parallel_for((count + CHUNK) / CHUNK, threads, [&](int64_t k) {
    const int64_t last = (k + 1) * CHUNK <= count ? (k + 1) * CHUNK : count + 1;
    for (int64_t i = k * CHUNK; i < last; ++i) {
      const int64_t from = i == 0 ? 0 : static_cast<int64_t>(ids[i - 1]) + 1;
      const int64_t to = i == count ? values : static_cast<int64_t>(ids[i]);
      for (int64_t v = from; v <= to; ++v) indptr[v] = static_cast<P>(i);
    }
  });
}

template bool is_sorted(const int32_t*, int64_t, int64_t);
template bool is_sorted(const int64_t*, int64_t, int64_t);
template void counting_sort(const int32_t*, int32_t*, int32_t*, int64_t, int64_t, int64_t);
template void counting_sort(const int32_t*, int64_t*, int64_t*, int64_t, int64_t, int64_t);
template void counting_sort(const int64_t*, int64_t*, int64_t*, int64_t, int64_t, int64_t);
template void pointers(const int32_t*, int32_t*, int64_t, int64_t, int64_t);
template void pointers(const int32_t*, int64_t*, int64_t, int64_t, int64_t);
template void pointers(const int64_t*, int64_t*, int64_t, int64_t, int64_t);

int check_count(const char* op, int64_t count, int64_t index) {
  if (index == HEDDLE_INT64 || count <= INT32_MAX) return HEDDLE_OK;
  return fail(HEDDLE_RANGE, "%s: found %lld ids of int32, expected fewer than 2**31, as positions have their type; cast to int64",
              op, static_cast<long long>(count));
}

int Segments::build(const char* op, const void* ids, int64_t count, int64_t segments, int64_t index, int64_t threads) {
  if (int status = check_sizes(op, {count, segments})) return status;
  if (int status = check_ids(op, {ids}, index)) return status;
  const int64_t at = first_bad(ids, count, segments, index, threads);
  if (at >= 0) return out_of_range(op, "segment_ids", ids, at, segments, index);
  const int64_t wide = count > INT32_MAX ? HEDDLE_INT64 : index;  // rows may be more than their ids' type counts
  with_index(index, [&](auto tag) {
    with_index(wide, [&](auto position) {
      using I = untag<decltype(tag)>;
      using P = untag<decltype(position)>;
      const I* const all = static_cast<const I*>(ids);
      const bool sorted = is_sorted(all, count, threads);
      memory.resize(static_cast<size_t>(segments + 1 + (sorted ? 0 : count)) * sizeof(P));
      P* const indptr = reinterpret_cast<P*>(memory.data());
      P* const order = sorted ? nullptr : indptr + segments + 1;
      if constexpr (sizeof(P) >= sizeof(I)) {
        if (sorted)
          pointers(all, indptr, count, segments, threads);
        else
          counting_sort(all, order, indptr, count, segments, threads);
      }
      walk = {indptr, order, order, segments, count, count, wide};
    });
  });
  return HEDDLE_OK;
}

}  // namespace heddle
