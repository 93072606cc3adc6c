#include "segments/segments.hpp"

namespace heddle {

// out[i] = values[at[i]]
template <class I> static void take(const I* values, const I* at, I* out, int64_t count, int64_t threads) {
  constexpr int64_t CHUNK = 1 << 16, AHEAD = 16;
  parallel_for((count + CHUNK - 1) / CHUNK, threads, [&](int64_t k) {
    const int64_t last = (k + 1) * CHUNK < count ? (k + 1) * CHUNK : count;
    for (int64_t i = k * CHUNK; i < last; ++i) {
      __builtin_prefetch(values + at[i + AHEAD < last ? i + AHEAD : i]);
      out[i] = values[at[i]];
    }
  });
}

}  // namespace heddle

extern "C" int heddle_build_adjacency(const void* senders, const void* receivers, int64_t edges, int64_t n_senders,
                                      int64_t n_receivers, void* sorted_senders, void* sorted_receivers, void* indptr,
                                      void* order, void* t_receivers, void* t_indptr, void* t_order, int64_t index,
                                      int64_t threads) {
  using namespace heddle;
  const char* const name = "build_adjacency";
  return guarded(name, [&] {
    if (int status = check_types(name, HEDDLE_FLOAT32, index)) return status;
    if (int status = check_sizes(name, {edges, n_senders, n_receivers})) return status;
    if (int status = check_count(name, edges, index)) return status;
    if (int status = check_ids(name, {senders, receivers, sorted_senders, sorted_receivers, indptr, order}, index))
      return status;
    if (int status = check_ids(name, {t_receivers, t_indptr, t_order}, index)) return status;
    if (int64_t at = first_bad(senders, edges, n_senders, index, threads); at >= 0)
      return out_of_range(name, "senders", senders, at, n_senders, index);
    if (int64_t at = first_bad(receivers, edges, n_receivers, index, threads); at >= 0)
      return out_of_range(name, "receivers", receivers, at, n_receivers, index);
    with_index(index, [&](auto tag) {
      using I = untag<decltype(tag)>;
      const I *const s = static_cast<const I*>(senders), *const r = static_cast<const I*>(receivers);
      I *const by_receiver = static_cast<I*>(order), *const by_sender = static_cast<I*>(t_order);
      I *const s_sorted = static_cast<I*>(sorted_senders), *const r_sorted = static_cast<I*>(sorted_receivers);
      counting_sort(r, by_receiver, static_cast<I*>(indptr), edges, n_receivers, threads);
      take(s, by_receiver, s_sorted, edges, threads);
      take(r, by_receiver, r_sorted, edges, threads);
      counting_sort(s_sorted, by_sender, static_cast<I*>(t_indptr), edges, n_senders, threads);
      take(r_sorted, by_sender, static_cast<I*>(t_receivers), edges, threads);
    });
    return static_cast<int>(HEDDLE_OK);
  });
}
