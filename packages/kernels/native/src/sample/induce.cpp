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
  std::vector<uint32_t> places;
};

// Find the edges into positions [first, last); counts[at] becomes the number into `at`.
template <class I, class P>
void find_edges(const Relation& edges, const Nodes& into, const P& places, const int64_t* seed_time, bool weighted,
                int64_t first, int64_t last, Part& part, int64_t* counts) {
  const I* const indptr = static_cast<const I*>(edges.indptr);
  const I* const senders = static_cast<const I*>(edges.senders);
  const bool timed = seed_time && edges.timed();
  for (int64_t at = first; at < last; ++at) {
    const uint32_t tree = into.tree(at);
    const size_t before = part.edges.size();
    const int64_t end = indptr[into.ids[at] + 1];
    for (int64_t e = indptr[into.ids[at]]; e < end; ++e) {
      if (e + AHEAD < end) places.prefetch(senders[e + AHEAD], tree);
      if (weighted && edges.weight && !(edges.weight_of(e) > 0)) continue;
      if (timed && edges.time_of<I>(e) > seed_time[tree]) continue;
      const int64_t place = places.find(senders[e], tree);
      if (place < 0) continue;
      part.edges.push_back(e);
      part.places.push_back(static_cast<uint32_t>(place));
    }
    counts[at] = static_cast<int64_t>(part.edges.size() - before);
  }
}

}  // namespace

void induce(heddle_sample& sample, const int64_t* seed_time, bool weighted, int64_t threads) {
  for (size_t r = 0; r < sample.edges.size(); ++r) {
    const Relation& edges = sample.graph->relations[r];
    const Nodes& into = sample.nodes[edges.target];
    Edges& found = sample.edges[r];
    const int64_t n = into.size();
    std::vector<Part> parts((n + CHUNK - 1) / CHUNK);
    found.indptr.resize(n + 1);
    found.indptr[0] = 0;
    parallel_guarded(static_cast<int64_t>(parts.size()), threads, [&](int64_t k) {
      with_index(edges.index, [&](auto tag) {
        sample.nodes[edges.source].with_places([&](const auto& places) {
          find_edges<untag<decltype(tag)>>(edges, into, places, seed_time, weighted, k * CHUNK,
                                           std::min(n, (k + 1) * CHUNK), parts[k], found.indptr.data() + 1);
        });
      });
    });
    for (int64_t at = 0; at < n; ++at) found.indptr[at + 1] += found.indptr[at];
    found.edges.clear();
    found.places.clear();
    for (const Part& part : parts) {
      found.edges.insert(found.edges.end(), part.edges.begin(), part.edges.end());
      found.places.insert(found.places.end(), part.places.begin(), part.places.end());
    }
    found.ends.assign(1, found.size());
  }
}

}  // namespace heddle
