// HGT's sampling: heddle/sampling/budget.py.
#include <vector>

#include "../status.hpp"
#include "parallel.hpp"
#include "sample.hpp"

namespace heddle {
namespace {

// Nodes of one type that have edges into the sample, in the order in which they were met.
struct Budget {
  std::vector<int64_t> nodes;
  std::vector<double> scores;
  HashPositions positions;

  void add(int64_t node, double score) {
    const uint32_t next = static_cast<uint32_t>(nodes.size()), position = positions.enter(node, 0, next);
    if (position == next) {
      nodes.push_back(node);
      scores.push_back(0.0);
    }
    scores[position] += score;
  }
  // Take out the nodes at `taken`.
  void remove(const std::vector<int64_t>& taken) {
    for (int64_t position : taken) nodes[position] = -1;
    size_t left = 0;
    positions.clear();
    for (size_t i = 0; i < nodes.size(); ++i) {
      if (nodes[i] < 0) continue;
      nodes[left] = nodes[i];
      scores[left] = scores[i];
      positions.enter(nodes[left], 0, static_cast<uint32_t>(left));
      ++left;
    }
    nodes.resize(left);
    scores.resize(left);
  }
};

// Give each in-neighbour of the newest nodes, if it isn't sampled, 1 / in-degree of the node it leads to.
template <class I>
void fill(heddle_sample& sample, int64_t r, int64_t most, uint64_t key, Budget& budget) {
  const Relation& edges = sample.graph->relations[r];
  const Nodes& into = sample.nodes[edges.target];
  const I* const indptr = static_cast<const I*>(edges.indptr);
  const I* const senders = static_cast<const I*>(edges.senders);
  std::vector<int64_t> taken;
  for (int64_t at = into.hop_begin(); at < into.ends.back(); ++at) {
    const int64_t begin = indptr[into.ids[at]], n = indptr[into.ids[at] + 1] - begin;
    taken.resize(drawn(n, most, false));
    draw_range(n, most, false, begin, Stream{branch(key, at)}, thread_scratch(), taken.data());
    for (int64_t e : taken) {
      const int64_t sender = senders[e];
      const bool sampled =
          sample.nodes[edges.source].with_positions([&](const auto& p) { return p.find(sender, 0) >= 0; });
      if (!sampled) budget.add(sender, 1.0 / static_cast<double>(n));
    }
  }
}

// Move `size` nodes from the budget into the sample, by the square of their scores.
void spend(Nodes& nodes, Budget& budget, int64_t size, uint64_t key) {
  Scratch& scratch = thread_scratch();
  const int64_t n = static_cast<int64_t>(budget.nodes.size());
  scratch.odds.clear();
  for (double score : budget.scores) scratch.odds.push_back(score * score);
  std::vector<int64_t> taken(drawn(n, size, false));
  draw_positions(n, size, false, true, Stream{key}, scratch, taken.data());
  nodes.with_positions([&](auto& positions) {
    for (int64_t position : taken) {
      positions.enter(budget.nodes[position], 0, static_cast<uint32_t>(nodes.size()));
      nodes.ids.push_back(budget.nodes[position]);
    }
  });
  if (!taken.empty()) budget.remove(taken);
}

}  // namespace
}  // namespace heddle

extern "C" int heddle_budget_sample(const heddle_sample_graph* graph, heddle_sample* sample,
                                    const heddle_sample_request* request) {
  using namespace heddle;
  sample->graph = graph;
  sample->live = nullptr;
  if (int status = check_request(*sample, *request, graph->n_node.data())) return status;
  return guarded("budget_sample", [&] {
    start(*sample, *request);
    std::vector<Budget> budgets(sample->nodes.size());
    for (int64_t hop = 0; hop < request->hops; ++hop) {
      for (size_t r = 0; r < graph->relations.size(); ++r) {
        const Relation& edges = graph->relations[r];
        const uint64_t key = branch(branch(request->key, hop, 0), r);
        with_index(edges.index, [&](auto tag) {
          fill<untag<decltype(tag)>>(*sample, static_cast<int64_t>(r), request->most, key, budgets[edges.source]);
        });
      }
      for (size_t t = 0; t < budgets.size(); ++t) {
        const int64_t size = request->sizes[t * static_cast<size_t>(request->hops) + static_cast<size_t>(hop)];
        spend(sample->nodes[t], budgets[t], size, branch(branch(request->key, hop, 1), t));
      }
      end_hop(*sample);
    }
    induce(*sample, nullptr, false, request->threads);
    return static_cast<int>(HEDDLE_OK);
  });
}
