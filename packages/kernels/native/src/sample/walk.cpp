// Random walks: heddle/sampling/walk.py.
#include <algorithm>

#include "threads/pool.hpp"
#include "../status.hpp"
#include "graph.hpp"
#include "stream.hpp"

namespace heddle {
namespace {

struct Odds {
  double back, out, highest;  // by the odds 1 of a node near the one before
  bool uniform;
};

// Whether `node` is an in-neighbour of `of`.
template <class I>
bool is_near(const Relation& edges, int64_t of, int64_t node) {
  const I* const senders = static_cast<const I*>(edges.senders);
  const I *const begin = senders + static_cast<const I*>(edges.indptr)[of], *const end =
                                                                                senders + static_cast<const I*>(
                                                                                              edges.indptr)[of + 1];
  return edges.by_sender ? std::binary_search(begin, end, static_cast<I>(node))
                         : std::find(begin, end, static_cast<I>(node)) != end;
}

// The node after `node`, where `before` was the one before it, or -1 at the start.
template <class I>
int64_t step(const Relation& edges, int64_t node, int64_t before, Stream stream, const Odds& odds) {
  const int64_t begin = static_cast<const I*>(edges.indptr)[node],
                n = static_cast<const I*>(edges.indptr)[node + 1] - begin;
  const I* const around = static_cast<const I*>(edges.senders) + begin;
  if (n == 0) return node;
  for (;;) {
    const int64_t next = around[stream.below(static_cast<uint64_t>(n))];
    if (before < 0 || odds.uniform) return next;
    const double chance = next == before ? odds.back : is_near<I>(edges, before, next) ? 1.0 : odds.out;
    if (stream.unit() * odds.highest < chance) return next;
  }
}

}  // namespace
}  // namespace heddle

extern "C" int heddle_random_walk(const heddle_sample_graph* graph, const int64_t* start, void* out, int64_t count,
                                  int64_t length, double p, double q, uint64_t key, int64_t index, int64_t threads) {
  using namespace heddle;
  constexpr int64_t CHUNK = 64;
  if (graph->relations.size() != 1 || graph->n_node.size() != 1)
    return fail(HEDDLE_INVALID, "random_walk: found %zu relations, expected one; make a graph of it",
                graph->relations.size());
  if (!(p > 0 && q > 0) || length < 0)
    return fail(
        HEDDLE_INVALID,
        "random_walk: found p %g, q %g, length %lld, expected positive odds and a length of at least 0; correct them",
        p, q, static_cast<long long>(length));
  for (int64_t i = 0; i < count; ++i)
    if (start[i] < 0 || start[i] >= graph->n_node[0])
      return fail(
          HEDDLE_RANGE, "random_walk: start[%lld]: found %lld, expected an id in [0, %lld); remove it or add the node",
          static_cast<long long>(i), static_cast<long long>(start[i]), static_cast<long long>(graph->n_node[0]));
  const Relation& edges = graph->relations[0];
  const double back = 1.0 / p, away = 1.0 / q;
  const Odds odds{back, away, std::max({back, 1.0, away}), p == 1 && q == 1};
  parallel_for((count + CHUNK - 1) / CHUNK, threads, [&](int64_t k) {
    with_index(edges.index, [&](auto tag) {
      for (int64_t i = k * CHUNK; i < std::min(count, (k + 1) * CHUNK); ++i) {
        const uint64_t stream = branch(key, i);
        int64_t before = -1, node = start[i];
        for (int64_t j = 0; j <= length; ++j) {
          const int64_t at = i * (length + 1) + j;
          if (index == HEDDLE_INT64)
            static_cast<int64_t*>(out)[at] = node;
          else
            static_cast<int32_t*>(out)[at] = static_cast<int32_t>(node);
          if (j == length) break;
          const int64_t next = step<untag<decltype(tag)>>(edges, node, before, Stream{branch(stream, j)}, odds);
          before = node;
          node = next;
        }
      }
    });
  });
  return HEDDLE_OK;
}
