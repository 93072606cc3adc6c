#include "segments/segments.hpp"

extern "C" int heddle_index_sort(const void* ids, void* order, void* indptr, int64_t count, int64_t values, int64_t index,
                                 int64_t threads) {
  using namespace heddle;
  return guarded("index_sort", [&] {
    if (int status = check_types("index_sort", HEDDLE_FLOAT32, index)) return status;
    if (int status = check_sizes("index_sort", {count, values})) return status;
    if (int status = check_count("index_sort", count, index)) return status;
    if (int status = check_ids("index_sort", {ids, order, indptr}, index)) return status;
    const int64_t at = first_bad(ids, count, values, index, threads);
    if (at >= 0) return out_of_range("index_sort", "ids", ids, at, values, index);
    with_index(index, [&](auto tag) {
      using I = untag<decltype(tag)>;
      const I* const all = static_cast<const I*>(ids);
      if (!is_sorted(all, count, threads))
        return counting_sort(all, static_cast<I*>(order), static_cast<I*>(indptr), count, values, threads);
      for (int64_t i = 0; i < count; ++i) static_cast<I*>(order)[i] = static_cast<I>(i);
      pointers(all, static_cast<I*>(indptr), count, values, threads);
    });
    return static_cast<int>(HEDDLE_OK);
  });
}
