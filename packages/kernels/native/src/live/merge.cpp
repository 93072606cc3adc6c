// A relation of a live graph with its entries merged in, as arrays.
#include <algorithm>

#include "../status.hpp"
#include "../types.hpp"
#include "heddle_live.h"
#include "row.hpp"

namespace heddle {
namespace {

template <class I>
void count(const heddle_live& live, int64_t r, int64_t upto, int64_t receivers, int64_t* indptr) {
  const Relation& edges = live.base->relations[r];
  const I* const held = static_cast<const I*>(edges.indptr);
  const int64_t base = live.base->n_node[edges.target];
  indptr[0] = 0;
  for (int64_t v = 0; v < receivers; ++v) {
    int64_t n = v < base ? held[v + 1] - held[v] : 0;
    for (uint32_t e = live.heads[r][v].load(std::memory_order_acquire); e; e = live.entries[e - 1].before) n += e <= upto;
    indptr[v + 1] = indptr[v] + n;
  }
}

template <class I>
void merge(const heddle_live& live, int64_t r, int64_t upto, int64_t first, int64_t last, const I* base_rows, I* senders,
           int64_t* time, I* rows) {
  const Relation& edges = live.base->relations[r];
  const I *const indptr = static_cast<const I*>(edges.indptr), *const held = static_cast<const I*>(edges.senders);
  const int64_t base = live.base->n_node[edges.target];
  std::vector<uint32_t> entries_of;
  int64_t at = 0;
  const auto copy = [&](int64_t from, int64_t to) {
    std::copy(held + from, held + to, senders + at);
    if (time) std::copy(edges.time + from, edges.time + to, time + at);
    for (int64_t e = from; e < to; ++e, ++at) rows[at] = base_rows ? base_rows[e] : static_cast<I>(e);
  };
  for (int64_t v = first; v < last; ++v) {
    int64_t b = v < base ? indptr[v] : 0;
    const int64_t end = v < base ? indptr[v + 1] : 0;
    chain(live, r, v, upto, entries_of, [](const Entry&) { return true; });
    for (uint32_t e : entries_of) {
      const Entry& entry = live.entries[e];
      const int64_t to = edges.time ? std::upper_bound(edges.time + b, edges.time + end, entry.time) - edges.time : end;
      copy(b, to);
      b = to;
      senders[at] = static_cast<I>(entry.other);
      if (time) time[at] = entry.time;
      rows[at++] = static_cast<I>(entry.row);
    }
    copy(b, end);
  }
}

}  // namespace
}  // namespace heddle

using namespace heddle;

extern "C" int heddle_live_count(const heddle_live* live, int64_t relation, int64_t upto, int64_t receivers,
                                 int64_t* indptr) {
  with_index(live->base->relations[relation].index,
             [&](auto tag) { count<untag<decltype(tag)>>(*live, relation, upto, receivers, indptr); });
  return HEDDLE_OK;
}

extern "C" int heddle_live_merge(const heddle_live* live, int64_t relation, int64_t upto, int64_t first, int64_t last,
                                 const void* base_rows, void* senders, int64_t* time, void* rows) {
  return guarded("live_merge", [&] {
    with_index(live->base->relations[relation].index, [&](auto tag) {
      using I = untag<decltype(tag)>;
      merge<I>(*live, relation, upto, first, last, static_cast<const I*>(base_rows), static_cast<I*>(senders), time,
               static_cast<I*>(rows));
    });
    return static_cast<int>(HEDDLE_OK);
  });
}
