// The edges between the nodes of a sample.
#include <vector>

#include "parallel.hpp"
#include "sample.hpp"

namespace heddle {
namespace {

constexpr int64_t CHUNK = 256;  // receivers that a thread takes at a time
constexpr int64_t AHEAD = 8;

struct Part {
  std::vector<int64_t> edges;
  std::vector<uint32_t> positions;
};

// Find the edges into positions [first, last); counts[at] becomes the number into `at`.
template <class I, class P>
void find_edges(const Relation& edges, const Nodes& into, const P& positions, const int64_t* seed_time, bool weighted,
                int64_t first, int64_t last, Part& part, int64_t* counts) {
  const I* const indptr = static_cast<const I*>(edges.indptr);
  const I* const senders = static_cast<const I*>(edges.senders);
  const bool timed = seed_time && edges.timed();
  for (int64_t at = first; at < last; ++at) {
    const uint32_t tree = into.tree(at);
    const size_t before = part.edges.size();
    const int64_t end = indptr[into.ids[at] + 1];
    for (int64_t e = indptr[into.ids[at]]; e < end; ++e) {
      if (e + AHEAD < end) positions.prefetch(senders[e + AHEAD], tree);
      if (weighted && edges.weight && !(edges.weight_of(e) > 0)) continue;
      if (timed && edges.time_of<I>(e) > seed_time[tree]) continue;
      const int64_t position = positions.find(senders[e], tree);
      if (position < 0) continue;
      part.edges.push_back(e);
      part.positions.push_back(static_cast<uint32_t>(position));
    }
    counts[at] = static_cast<int64_t>(part.edges.size() - before);
  }
}

}  // namespace

void induce(heddle_sample& sample, const int64_t* seed_time, bool weighted, int64_t threads) {
  for (size_t r = 0; r < sample.edges.size(); ++r) {
    const Relation& edges = sample.graph->relations[r];
    const Nodes& into = sample.nodes[edges.target];
    Edges& induced = sample.edges[r];
    const int64_t n = into.size();
    std::vector<Part> parts((n + CHUNK - 1) / CHUNK);
    induced.indptr.resize(n + 1);
    induced.indptr[0] = 0;
    parallel_guarded(static_cast<int64_t>(parts.size()), threads, [&](int64_t k) {
      with_index(edges.index, [&](auto tag) {
        sample.nodes[edges.source].with_positions([&](const auto& positions) {
          find_edges<untag<decltype(tag)>>(edges, into, positions, seed_time, weighted, k * CHUNK,
                                           std::min(n, (k + 1) * CHUNK), parts[k], induced.indptr.data() + 1);
        });
      });
    });
    for (int64_t at = 0; at < n; ++at) induced.indptr[at + 1] += induced.indptr[at];
    induced.edges.clear();
    induced.positions.clear();
    for (const Part& part : parts) {
      induced.edges.insert(induced.edges.end(), part.edges.begin(), part.edges.end());
      induced.positions.insert(induced.positions.end(), part.positions.begin(), part.positions.end());
    }
    induced.ends.assign(1, induced.size());
  }
}

}  // namespace heddle
