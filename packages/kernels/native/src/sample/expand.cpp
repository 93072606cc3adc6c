// One hop along one relation: draw edges into the newest nodes (or all) in parallel, then give new senders their
// positions in order.
#include "../live/expand.hpp"
#include "threads/pool.hpp"
#include "hop.hpp"
#include "parallel.hpp"
#include "sample.hpp"
#include "eligible.hpp"

namespace heddle {
namespace {

constexpr int64_t CHUNK = 256;  // nodes of the frontier that a thread takes at a time

// Note where each node's edges begin, how many may be taken, and in indptr how many will be, at most.
template <class I>
void count(const Relation& edges, const Ask& ask, const Hop& hop, int64_t first, int64_t last, heddle_sample& sample) {
  const I* const indptr = static_cast<const I*>(edges.indptr);
  const Nodes& into = hop.into;
  const int64_t from = hop.from;
  const bool stretch = in_one_stretch(edges, ask);
  for (int64_t at = first; at < last; ++at) {
    if (at + AHEAD < last) __builtin_prefetch(&indptr[into.ids[at + AHEAD]]);
    int64_t begin = indptr[into.ids[at]], end = indptr[into.ids[at] + 1];
    if (stretch) cut<I>(edges, ask, into.tree(at), begin, end);
    sample.begins[at - from] = begin;
    sample.counts[at - from] = end - begin;
    hop.slots[at + 1] = drawn(end - begin, ask.size, ask.replace);
  }
}

// Read the ids of senders of drawn edges.
template <class I>
void gather(const I* senders, const int64_t* edges, int64_t n, int64_t* out) {
  int64_t i = 0;
  for (; i < n - AHEAD; ++i) {
    __builtin_prefetch(&senders[edges[i + AHEAD]]);
    out[i] = senders[edges[i]];
  }
  for (; i < n; ++i) out[i] = senders[edges[i]];
}

// Draw for nodes whose eligible edges have to be collected; counts becomes what was taken.
template <class I>
void draw_collected(const Relation& edges, const Ask& ask, const Hop& hop, int64_t first, int64_t last,
                    heddle_sample& sample, int64_t* out) {
  Scratch& scratch = thread_scratch();
  const int64_t from = hop.from;
  for (int64_t at = first; at < last; ++at) {
    int64_t begin = sample.begins[at - from], end = begin + sample.counts[at - from];
    if (!edges.weight && edges.row_by_time(hop.into.ids[at])) {  // its eligible edges are a stretch, if not all rows' are
      cut<I>(edges, ask, hop.into.tree(at), begin, end);
      draw_range(end - begin, ask.size, ask.replace, begin, hop.stream(at), scratch, out + hop.slots[at]);
      sample.counts[at - from] = drawn(end - begin, ask.size, ask.replace);
      continue;
    }
    collect<I>(edges, ask, hop.into.tree(at), begin, end, scratch);
    const int64_t n = static_cast<int64_t>(scratch.eligible.size());
    int64_t* const mine = out + hop.slots[at];
    draw_positions(n, ask.size, ask.replace, edges.weight, hop.stream(at), scratch, mine);
    const int64_t taken = drawn(n, ask.size, ask.replace);
    for (int64_t i = 0; i < taken; ++i) mine[i] = scratch.eligible[mine[i]];
    sample.counts[at - from] = taken;
  }
}

// Close the gaps where fewer edges were taken than there was room for; return how many there are.
int64_t close_gaps(const Hop& hop, heddle_sample& sample, int64_t* edges) {
  int64_t* const slots = hop.slots;
  int64_t end = slots[hop.from];
  for (int64_t at = hop.from; at < hop.to; ++at) {
    const int64_t begin = slots[at], taken = sample.counts[at - hop.from];
    slots[at] = end;
    for (int64_t i = 0; i < taken; ++i) edges[end++] = edges[begin + i];
  }
  slots[hop.to] = end;
  return end;
}

// Draw edges into positions from `from` on. With `leaves` their senders are kept as ids and not entered.
template <class I>
int expand(heddle_sample& sample, const heddle_sample_request& request, int64_t r, const Ask& ask, uint64_t key,
           int64_t from, bool leaves) {
  const Relation& edges = sample.graph->relations[r];
  const Nodes& into = sample.nodes[edges.target];
  Edges& taken = sample.edges[r];
  const int64_t to = into.ends.back(), begin = taken.size();
  const int64_t chunks = (to - from + CHUNK - 1) / CHUNK;
  const auto chunk = [&](int64_t k, auto&& body) { body(from + k * CHUNK, std::min(to, from + (k + 1) * CHUNK)); };
  sample.begins.resize(to - from);
  sample.counts.resize(to - from);
  const int64_t first_row = static_cast<int64_t>(taken.indptr.size()) - 1;
  taken.indptr.resize(first_row + to - from + 1);
  int64_t* const slots = taken.indptr.data() + first_row - from;
  const Hop hop{into, from, to, key, request.roots, {edges.receiver_hash}, request.layered != 0, slots};
  parallel_for(chunks, request.threads, [&](int64_t k) {
    chunk(k, [&](int64_t first, int64_t last) { count<I>(edges, ask, hop, first, last, sample); });
  });
  slots[from] = begin;
  for (int64_t at = from; at < to; ++at) slots[at + 1] += slots[at];
  int64_t end = slots[to];
  taken.edges.resize(end);
  int64_t* const drawn_edges = taken.edges.data();
  const I* const senders = static_cast<const I*>(edges.senders);
  raw_vector<int64_t>& far = leaves ? taken.leaves : sample.senders;
  if (in_one_stretch(edges, ask)) {
    far.resize(end - begin);
    parallel_guarded(chunks, request.threads, [&](int64_t k) {
      chunk(k, [&](int64_t first, int64_t last) {
        for (int64_t at = first; at < last; ++at)
          draw_range(sample.counts[at - from], ask.size, ask.replace, sample.begins[at - from], hop.stream(at),
                     thread_scratch(), drawn_edges + slots[at]);
        gather(senders, drawn_edges + slots[first], slots[last] - slots[first], far.data() + slots[first] - begin);
      });
    });
  } else {
    parallel_guarded(chunks, request.threads, [&](int64_t k) {
      chunk(k, [&](int64_t first, int64_t last) {
        draw_collected<I>(edges, ask, hop, first, last, sample, drawn_edges);
      });
    });
    end = close_gaps(hop, sample, drawn_edges);
    taken.edges.resize(end);
    far.resize(end - begin);
    parallel_for(chunks, request.threads, [&](int64_t k) {
      chunk(k, [&](int64_t first, int64_t last) {
        gather(senders, drawn_edges + slots[first], slots[last] - slots[first], far.data() + slots[first] - begin);
      });
    });
  }
  if (leaves) return HEDDLE_OK;
  taken.positions.resize(end);
  return place_senders(hop, sample.nodes[edges.source], taken, sample.senders.data(), begin, end, sample.trees);
}

}  // namespace

int expand(heddle_sample& sample, const heddle_sample_request& request, int64_t hop, int64_t r) {
  const Relation& edges = sample.graph->relations[r];
  const Nodes& into = sample.nodes[edges.target];
  Edges& taken = sample.edges[r];
  const int64_t size = request.sizes[r * request.hops + hop];
  const int64_t from = request.layered ? 0 : into.hop_begin(), n = into.ends.back() - from;
  if (request.layered) taken.firsts.push_back(static_cast<int64_t>(taken.indptr.size()) - 1);
  if (size == 0 || n == 0) {
    taken.indptr.resize(taken.indptr.size() + n, taken.size());
    return HEDDLE_OK;
  }
  const Ask ask{size, request.replace != 0, request.newest != 0, request.seed_time, request.window};
  const uint64_t key = branch(request.key, request.first_hop + hop, r);
  const bool leaves = request.leaves && request.leaves[edges.source] && hop + 1 == request.hops;
  if (sample.live) return expand_live(sample, request, r, ask, key, from, leaves);
  return with_index(edges.index, [&](auto tag) {
    return expand<untag<decltype(tag)>>(sample, request, r, ask, key, from, leaves);
  });
}

}  // namespace heddle
