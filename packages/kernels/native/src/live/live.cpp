// A live graph's life: made of a base, appended to, read.
#include "live.hpp"

#include "../sample/sample.hpp"
#include "../status.hpp"
#include "heddle_live.h"

using namespace heddle;

extern "C" int heddle_live_new(heddle_sample_graph* base, const int64_t* room, int64_t capacity, heddle_live** live) {
  return guarded("live", [&] {
    std::unique_ptr<heddle_sample_graph> graph(new heddle_sample_graph(*base));
    for (size_t r = 0; r < graph->relations.size(); ++r)
      if (graph->relations[r].weight)
        return fail(HEDDLE_INVALID, "live: relation %lld: found weights, expected none; drop them",
                    static_cast<long long>(r));
    *live = new heddle_live(std::move(graph), room, capacity);
    return static_cast<int>(HEDDLE_OK);
  });
}

extern "C" void heddle_live_free(heddle_live* live) { delete live; }

extern "C" int heddle_live_nodes(heddle_live* live, int64_t type, int64_t first, int64_t n, const int64_t* time,
                                 const uint64_t* hash) {
  const int64_t held = live->base->n_node[type];
  if (first < held || first + n > live->room[type])
    return fail(HEDDLE_RANGE, "live: nodes %lld to %lld of type %lld: found room for %lld to %lld; compact first",
                static_cast<long long>(first), static_cast<long long>(first + n), static_cast<long long>(type),
                static_cast<long long>(held), static_cast<long long>(live->room[type]));
  for (int64_t i = 0; i < n && time; ++i) live->node_time[type][first - held + i] = time[i];
  for (int64_t i = 0; i < n && hash; ++i) live->node_hash[type][first - held + i] = hash[i];
  return HEDDLE_OK;
}

extern "C" int heddle_live_append(heddle_live* live, int64_t n, const int64_t* list, const int64_t* node, const int64_t* other,
                                  const int64_t* time, const int64_t* row, const int64_t* n_node) {
  const int64_t first = live->published.load(std::memory_order_relaxed);
  if (n > live->capacity - first)
    return fail(HEDDLE_INVALID, "live: found %lld entries more, expected at most %lld, for which there is room; compact first",
                static_cast<long long>(n), static_cast<long long>(live->capacity - first));
  for (size_t t = 0; t < live->room.size(); ++t)
    if (n_node[t] > live->room[t] || n_node[t] < live->n_node[t].load(std::memory_order_relaxed))
      return fail(HEDDLE_RANGE, "live: found %lld nodes of type %lld, expected %lld to %lld; compact first",
                  static_cast<long long>(n_node[t]), static_cast<long long>(t),
                  static_cast<long long>(live->n_node[t].load(std::memory_order_relaxed)),
                  static_cast<long long>(live->room[t]));
  const int64_t relations = static_cast<int64_t>(live->base->relations.size());
  for (int64_t i = 0; i < n; ++i) {
    const bool known = list[i] >= 0 && list[i] < live->lists();
    const int64_t owners = known ? n_node[live->owner(list[i])] : 0;
    const int64_t others = known && list[i] < relations ? n_node[live->base->relations[list[i]].source] : INT64_MAX;
    if (node[i] < 0 || node[i] >= owners || other[i] < 0 || other[i] >= others)
      return fail(HEDDLE_RANGE, "live: entry %lld: found node %lld and other %lld, expected ids that are there; correct it",
                  static_cast<long long>(i), static_cast<long long>(node[i]), static_cast<long long>(other[i]));
  }
  for (int64_t i = 0; i < n; ++i) {
    Head& head = live->heads[list[i]][node[i]];
    live->entries[first + i] = {other[i], time[i], row[i], head.load(std::memory_order_relaxed),
                                static_cast<uint32_t>(list[i])};
    head.store(static_cast<uint32_t>(first + i + 1), std::memory_order_release);
    if (list[i] >= relations) live->has_changes[list[i] - relations].store(true, std::memory_order_relaxed);
  }
  for (size_t t = 0; t < live->room.size(); ++t) live->n_node[t].store(n_node[t], std::memory_order_relaxed);
  live->published.store(first + n, std::memory_order_release);
  return HEDDLE_OK;
}

extern "C" int heddle_live_published(const heddle_live* live, int64_t* upto, int64_t* n_node) {
  *upto = live->published.load(std::memory_order_acquire);
  for (size_t t = 0; t < live->n_node.size(); ++t) n_node[t] = live->n_node[t].load(std::memory_order_relaxed);
  return HEDDLE_OK;
}

extern "C" int heddle_live_sample(const heddle_live* live, heddle_sample* sample, const heddle_sample_request* request,
                                  int64_t upto, const int64_t* n_node) {
  sample->graph = live->base.get();
  sample->live = live;
  sample->upto = upto;
  if (int status = check_request(*sample, *request, n_node)) return status;
  if (request->induced)
    return fail(HEDDLE_INVALID, "live: found induced edges, expected those of hops; sample without induced");
  return guarded("live_sample", [&] { return draw_hops(*sample, *request); });
}

extern "C" int heddle_live_rows(const heddle_live* live, int64_t n, const int64_t* entries, int64_t* rows) {
  for (int64_t i = 0; i < n; ++i) rows[i] = live->entries[entries[i]].row;
  return HEDDLE_OK;
}

extern "C" int heddle_live_latest(const heddle_live* live, int64_t type, int64_t upto, int64_t n, const int64_t* nodes,
                                  const int64_t* time, int64_t* latest) {
  for (int64_t i = 0; i < n; ++i) latest[i] = live->latest(type, upto, nodes[i], time ? time + i : nullptr);
  return HEDDLE_OK;
}
