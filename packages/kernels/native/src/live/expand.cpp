// A hop along one relation of a live graph: what heddle/sampling would draw of the graph with its entries merged in.
#include "expand.hpp"

#include "../sample/hop.hpp"
#include "../sample/parallel.hpp"
#include "row.hpp"

namespace heddle {
namespace {

// Positions of the newest edges of a row whose order isn't that in which they became eligible.
template <class I>
void newest_positions(const heddle_live& live, const Relation& edges, int64_t size, Row& row, std::vector<int64_t>& positions) {
  row.ages.clear();
  for (int64_t p = 0; p < row.size(); ++p)
    row.ages.emplace_back(row.at(p, [&](int64_t e) { return edges.time_of<I>(e); },
                                 [&](uint32_t e) { return live.eligible_from(edges, live.entries[e]); }),
                          p);
  std::nth_element(row.ages.begin(), row.ages.end() - size, row.ages.end());
  positions.clear();
  for (auto age = row.ages.end() - size; age != row.ages.end(); ++age) positions.push_back(age->second);
  std::sort(positions.begin(), positions.end());
}

template <class I>
int expand(heddle_sample& sample, const heddle_sample_request& request, int64_t r, const Ask& ask, uint64_t key,
           int64_t from, bool leaves) {
  static thread_local Row row;
  static thread_local std::vector<int64_t> newest;
  const heddle_live& live = *sample.live;
  const Relation& edges = live.base->relations[r];
  const Nodes& into = sample.nodes[edges.target];
  Edges& taken = sample.edges[r];
  const I* const senders = static_cast<const I*>(edges.senders);
  const int64_t to = into.ends.back(), begin = taken.size();
  const int64_t first_row = static_cast<int64_t>(taken.indptr.size()) - 1;
  taken.indptr.resize(first_row + to - from + 1);
  int64_t* const slots = taken.indptr.data() + first_row - from;
  const Hashes hashes{edges.receiver_hash, live.base->n_node[edges.target], live.node_hash[edges.target].get()};
  const Hop hop{into, from, to, key, request.roots, hashes, request.layered != 0, slots};
  raw_vector<int64_t>& far = leaves ? taken.leaves : sample.senders;
  far.clear();
  slots[from] = begin;
  for (int64_t at = from; at < to; ++at) {
    open_row<I>(live, r, ask, into.ids[at], into.tree(at), sample.upto, row);
    int64_t n = row.size(), first = 0;
    const bool cut = ask.newest && ask.size >= 0 && n > ask.size, listed = cut && edges.sender_time && ask.size > 0;
    if (listed) newest_positions<I>(live, edges, ask.size, row, newest);
    if (cut) first = listed ? 0 : n - ask.size, n = ask.size;
    const int64_t end = taken.size(), count = drawn(n, ask.size, ask.replace);
    taken.edges.resize(end + count);
    far.resize(end + count - begin);
    int64_t* const out = taken.edges.data() + end;
    draw_range(n, ask.size, ask.replace, first, hop.stream(at), thread_scratch(), out);
    for (int64_t i = 0; i < count; ++i) {
      int64_t& sender = far[end + i - begin];
      out[i] = row.at(
          listed ? newest[out[i]] : out[i],
          [&](int64_t e) {
            sender = senders[e];
            return e;
          },
          [&](uint32_t e) {
            sender = live.entries[e].other;
            return edges.edges + static_cast<int64_t>(e);
          });
    }
    slots[at + 1] = end + count;
  }
  if (leaves) return HEDDLE_OK;
  taken.positions.resize(taken.size());
  return place_senders(hop, sample.nodes[edges.source], taken, sample.senders.data(), begin, taken.size(), sample.trees);
}

}  // namespace

int expand_live(heddle_sample& sample, const heddle_sample_request& request, int64_t r, const Ask& ask, uint64_t key,
                int64_t from, bool leaves) {
  return with_index(sample.live->base->relations[r].index,
                    [&](auto tag) { return expand<untag<decltype(tag)>>(sample, request, r, ask, key, from, leaves); });
}

}  // namespace heddle
