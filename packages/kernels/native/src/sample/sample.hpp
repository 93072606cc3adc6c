// A sample while it grows: nodes of each type, edges of each relation, and what they are drawn in.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "graph.hpp"
#include "positions.hpp"

namespace heddle {

// Vectors whose new elements are left as they come: they are written before they are read.
template <class T>
struct Raw : std::allocator<T> {
  template <class U>
  struct rebind {
    using other = Raw<U>;
  };
  template <class U>
  void construct(U* p) noexcept {
    ::new (static_cast<void*>(p)) U;
  }
  template <class U, class... A>
  void construct(U* p, A&&... a) {
    ::new (static_cast<void*>(p)) U(std::forward<A>(a)...);
  }
};
template <class T>
using raw_vector = std::vector<T, Raw<T>>;

// Types with more nodes than this are looked up by hash: 128 MiB of slots.
constexpr int64_t MOST_SLOTS = INT64_C(1) << 25;

// The nodes of one type by position; `trees` is empty where trees share nodes.
struct Nodes {
  raw_vector<int64_t> ids;
  raw_vector<uint32_t> trees;
  std::vector<int64_t> ends;  // number of nodes after the seeds, and after each hop
  std::unique_ptr<DirectPositions> direct;
  HashPositions hash;
  bool by_hash = true;

  int64_t size() const { return static_cast<int64_t>(ids.size()); }
  uint32_t tree(int64_t at) const { return trees.empty() ? 0 : trees[at]; }
  int64_t hop_begin() const { return ends.size() < 2 ? 0 : ends[ends.size() - 2]; }

  // Call f with the table in use.
  template <class F>
  auto with_positions(F&& f) {
    return by_hash ? f(hash) : f(*direct);
  }
};

// The edges of one relation as CSR over the positions of its target type that have been expanded so far; of a layered
// sample, over those of the first hop, then over those of the second, and so on.
struct Edges {
  raw_vector<int64_t> indptr;   // [expanded + 1]
  raw_vector<int64_t> edges;    // positions in the graph
  raw_vector<uint32_t> positions;  // positions of senders in the sample
  raw_vector<int64_t> leaves;   // of the last edges, in place of positions: ids of senders that were not entered
  std::vector<int64_t> ends;    // number of edges after each hop
  std::vector<int64_t> firsts;  // of a layered sample, the row of position 0 in each hop

  int64_t size() const { return static_cast<int64_t>(edges.size()); }
};

}  // namespace heddle

struct heddle_live;

struct heddle_sample {
  const heddle_sample_graph* graph;
  const heddle_live* live = nullptr;  // the live graph whose base `graph` is, or NULL
  int64_t upto = 0;                   // how many of its entries are seen
  std::vector<heddle::Nodes> nodes;
  std::vector<heddle::Edges> edges;
  bool trees = false;
  heddle::raw_vector<int64_t> senders;  // ids at the other end of the edges just drawn
  heddle::raw_vector<int64_t> begins;   // where the eligible edges of each node of the frontier begin
  heddle::raw_vector<int64_t> counts;   // and how many they are
  std::vector<std::unique_ptr<heddle_sample>> shares;  // samples of seeds that several threads shared,
  int64_t n_shares = 0;                                // of which these are the last call's
};

namespace heddle {

// Check that seeds are in range, n_node [types], and few enough.
int check_request(const heddle_sample& sample, const heddle_sample_request& request, const int64_t* n_node);
// Empty the sample and put in the seeds.
void start(heddle_sample& sample, const heddle_sample_request& request);
// Start and draw hop by hop.
int draw_hops(heddle_sample& sample, const heddle_sample_request& request);
// Close a hop for all types.
void end_hop(heddle_sample& sample);
// Take the edges that were asked for of the last hop's nodes, or of all nodes so far, in relation r.
int expand(heddle_sample& sample, const heddle_sample_request& request, int64_t hop, int64_t r);
// Replace the edges of all relations by those that are eligible between the sample's nodes.
void induce(heddle_sample& sample, const int64_t* seed_time, bool weighted, int64_t threads);

}  // namespace heddle
