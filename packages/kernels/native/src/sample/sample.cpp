// The life of a sample: seeds, hops, and reading what was drawn.
#include "sample.hpp"

#include <algorithm>
#include <type_traits>

#include "../status.hpp"
#include "parallel.hpp"

namespace heddle {

Scratch& thread_scratch() {
  static thread_local Scratch scratch;
  return scratch;
}

int check_request(const heddle_sample& sample, const heddle_sample_request& request, const int64_t* n_node) {
  const int64_t* seed = request.seeds;
  int64_t all = 0;
  for (size_t t = 0; t < sample.nodes.size(); ++t)
    for (int64_t i = 0; i < request.n_seeds[t]; ++i, ++seed, ++all)
      if (*seed < 0 || *seed >= n_node[t])
        return fail(HEDDLE_RANGE,
                    "neighbor_sample: seeds of type %lld [%lld]: found %lld, expected an id in [0, %lld); remove the "
                    "seed or add the node",
                    static_cast<long long>(t), static_cast<long long>(i), static_cast<long long>(*seed),
                    static_cast<long long>(n_node[t]));
  if (all < MAX_POSITIONS) return HEDDLE_OK;
  return fail(HEDDLE_INVALID, "neighbor_sample: found %lld seeds, expected fewer than 2**31; pass fewer at a time",
              static_cast<long long>(all));
}

void start(heddle_sample& sample, const heddle_sample_request& request) {
  sample.trees = request.trees != 0;
  const int64_t* seed = request.seeds;
  for (size_t t = 0; t < sample.nodes.size(); ++t) {
    Nodes& nodes = sample.nodes[t];
    const int64_t n = request.n_seeds[t], n_node = sample.graph->n_node[t];
    nodes.by_hash = sample.trees || sample.live || n_node > MOST_SLOTS;
    if (!nodes.by_hash && !nodes.direct) nodes.direct = std::make_unique<DirectPositions>(n_node);
    nodes.with_positions([](auto& positions) { positions.clear(); });
    nodes.ids.assign(seed, seed + n);
    nodes.trees.clear();
    for (int64_t i = 0; i < n && sample.trees; ++i)
      nodes.trees.push_back(static_cast<uint32_t>(request.first_tree[t] + i));
    nodes.with_positions([&](auto& positions) {
      for (int64_t i = 0; i < n; ++i) positions.enter(nodes.ids[i], nodes.tree(i), static_cast<uint32_t>(i));
    });
    nodes.ends.assign(1, n);
    seed += n;
  }
  for (Edges& edges : sample.edges) {
    edges.indptr.assign(1, 0);
    edges.edges.clear();
    edges.positions.clear();
    edges.leaves.clear();
    edges.ends.clear();
    edges.firsts.clear();
  }
}

int draw_hops(heddle_sample& sample, const heddle_sample_request& request) {
  start(sample, request);
  for (int64_t hop = 0; hop < request.hops; ++hop) {
    for (size_t r = 0; r < sample.edges.size(); ++r)
      if (int status = expand(sample, request, hop, static_cast<int64_t>(r))) return status;
    end_hop(sample);
  }
  return HEDDLE_OK;
}

void end_hop(heddle_sample& sample) {
  for (Nodes& nodes : sample.nodes) nodes.ends.push_back(nodes.size());
  for (Edges& edges : sample.edges) edges.ends.push_back(edges.size());
}

namespace {

// Copies of long arrays are shared among threads by stretches of this many elements.
constexpr int64_t CHUNK = 1 << 15;
template <class F>
void by_stretch(int64_t n, int64_t threads, F&& body) {
  parallel_for((n + CHUNK - 1) / CHUNK, threads, [&](int64_t k) { body(k * CHUNK, std::min(n, (k + 1) * CHUNK)); });
}

template <class I>
void read(const heddle_sample& sample, I* nodes, I* tree, I* senders, I* receivers, I* edges, int64_t threads) {
  for (const Nodes& of : sample.nodes) {
    by_stretch(of.size(), threads, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) nodes[i] = static_cast<I>(of.ids[i]);
      for (int64_t i = first; i < last && tree; ++i) tree[i] = static_cast<I>(of.tree(i));
    });
    nodes += of.size();
    if (tree) tree += of.size();
  }
  for (const Edges& of : sample.edges) {
    by_stretch(of.size(), threads, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) edges[i] = static_cast<I>(of.edges[i]);
      const int64_t entered = static_cast<int64_t>(of.positions.size()), middle = std::clamp(entered, first, last);
      for (int64_t i = first; i < middle; ++i) senders[i] = static_cast<I>(of.positions[i]);
      for (int64_t i = middle; i < last; ++i) senders[i] = static_cast<I>(of.leaves[i - entered]);
      const auto& indptr = of.indptr;
      const auto& firsts = of.firsts;
      int64_t row = std::upper_bound(indptr.begin(), indptr.end(), first) - indptr.begin() - 1;
      auto hop = std::upper_bound(firsts.begin(), firsts.end(), row);  // the next one
      for (int64_t i = first; i < last; ++row) {
        while (hop != firsts.end() && *hop <= row) ++hop;
        const I at = static_cast<I>(row - (firsts.empty() ? 0 : hop[-1]));
        for (const int64_t end = std::min(last, indptr[row + 1]); i < end; ++i) receivers[i] = at;
      }
    });
    edges += of.size();
    senders += of.size();
    receivers += of.size();
  }
}

}  // namespace
}  // namespace heddle

extern "C" int heddle_sample_new(const heddle_sample_graph* graph, heddle_sample** sample) {
  return heddle::guarded("sample", [&] {
    auto made = std::make_unique<heddle_sample>();
    made->graph = graph;
    made->nodes.resize(graph->n_node.size());
    made->edges.resize(graph->relations.size());
    *sample = made.release();
    return static_cast<int>(HEDDLE_OK);
  });
}

extern "C" void heddle_sample_free(heddle_sample* sample) { delete sample; }

extern "C" int heddle_neighbor_sample(const heddle_sample_graph* graph, heddle_sample* sample,
                                      const heddle_sample_request* request) {
  using namespace heddle;
  sample->graph = graph;
  sample->live = nullptr;
  if (int status = check_request(*sample, *request, graph->n_node.data())) return status;
  return guarded("neighbor_sample", [&] {
    if (int status = draw_hops(*sample, *request)) return status;
    if (request->induced) induce(*sample, request->seed_time, true, request->threads);
    return static_cast<int>(HEDDLE_OK);
  });
}

extern "C" int heddle_sample_sizes(const heddle_sample* sample, int64_t* nodes_per_hop, int64_t* edges_per_hop) {
  for (const auto& nodes : sample->nodes)
    for (size_t hop = 0; hop < nodes.ends.size(); ++hop)
      *nodes_per_hop++ = nodes.ends[hop] - (hop ? nodes.ends[hop - 1] : 0);
  for (const auto& edges : sample->edges)
    for (size_t hop = 0; hop < edges.ends.size(); ++hop)
      *edges_per_hop++ = edges.ends[hop] - (hop ? edges.ends[hop - 1] : 0);
  return HEDDLE_OK;
}

extern "C" int heddle_sample_read(const heddle_sample* sample, void* nodes, void* tree, void* senders, void* receivers,
                                  void* edges, int64_t index, int64_t threads) {
  using namespace heddle;
  with_index(index, [&](auto tag) {
    using I = untag<decltype(tag)>;
    read(*sample, static_cast<I*>(nodes), static_cast<I*>(tree), static_cast<I*>(senders), static_cast<I*>(receivers),
         static_cast<I*>(edges), threads);
  });
  return HEDDLE_OK;
}
