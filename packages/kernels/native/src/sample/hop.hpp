// One hop along one relation: whom edges are drawn for, and where new senders find their positions.
#pragma once
#include "../status.hpp"
#include "sample.hpp"

namespace heddle {

constexpr int64_t AHEAD = 16;  // how far ahead of its use memory is asked for

// What draws know nodes by: their ids, or hashes of them; of a live graph, `held` of them and those of later nodes.
struct Hashes {
  const uint64_t* base = nullptr;
  int64_t held = INT64_MAX;
  const uint64_t* later = nullptr;

  uint64_t of(int64_t id) const {
    if (!base) return static_cast<uint64_t>(id);
    return id < held ? base[id] : later[id - held];
  }
};

// The nodes of a hop, what their draws are keyed by, and the rows of the edges' indptr that are theirs, by position.
struct Hop {
  const Nodes& into;
  int64_t from, to;
  uint64_t key;
  const uint64_t* roots;  // by number of tree, or NULL
  Hashes hashes;
  bool layered;
  int64_t* slots;

  Stream stream(int64_t at) const {
    if (!layered) return {branch(key, static_cast<uint64_t>(at))};
    const int64_t id = into.ids[at];
    const uint64_t of_node = branch(key, hashes.of(id));
    return {roots ? branch(of_node, roots[into.tree(at)]) : of_node};
  }
};

// Give senders of edges [begin, end) their positions, adding those that are new.
inline int place_senders(const Hop& hop, Nodes& of, Edges& taken, const int64_t* senders, int64_t begin, int64_t end,
                  bool trees) {
  const int64_t n = end - begin, held = of.size();
  if (held + n >= MAX_POSITIONS)
    return fail(HEDDLE_INVALID,
                "neighbor_sample: found %lld edges into one type, expected fewer than 2**31 nodes and edges of it; use "
                "fewer seeds or smaller sizes",
                static_cast<long long>(n));
  of.ids.resize(held + n);
  if (trees) of.trees.resize(held + n);
  uint32_t next = static_cast<uint32_t>(held);
  uint32_t* const out = taken.positions.data() + begin;
  if (!of.by_hash) {
    next = of.direct->enter_all(senders, n, of.ids.data(), next, out);
  } else {
    of.hash.reserve(n);
    int64_t at = hop.from;
    for (int64_t i = 0; i < n; ++i) {
      while (hop.slots[at + 1] <= begin + i) ++at;
      const uint32_t tree = hop.into.tree(at);
      if (i + AHEAD < n) of.hash.prefetch(senders[i + AHEAD], tree);
      out[i] = of.hash.enter(senders[i], tree, next);
      if (out[i] != next) continue;
      of.ids[next] = senders[i];
      if (trees) of.trees[next] = tree;
      ++next;
    }
  }
  of.ids.resize(next);
  if (trees) of.trees.resize(next);
  return HEDDLE_OK;
}

}  // namespace heddle
