// Building and checking the graph a sampler reads.
#include "graph.hpp"

#include <atomic>
#include <cmath>
#include <memory>
#include <utility>

#include "threads/pool.hpp"
#include "../status.hpp"

namespace heddle {
namespace {

constexpr int64_t CHUNK = 1 << 14;  // rows, a multiple of the 64 that share a word of bits

// What is wrong first; positions are of the array named.
struct Fault {
  std::atomic<int64_t> indptr{-1}, sender{-1}, weight{-1};
};

// Check rows [first, last); note whether they are sorted.
template <class I>
void check_rows(Relation& edges, int64_t n_source, int64_t first, int64_t last, Fault& fault,
                std::atomic<bool>& by_time, std::atomic<bool>& by_sender) {
  const I* const indptr = static_cast<const I*>(edges.indptr);
  const I* const senders = static_cast<const I*>(edges.senders);
  bool time_ok = true, sender_ok = true;
  for (int64_t row = first; row < last; ++row) {
    const int64_t begin = indptr[row], end = indptr[row + 1];
    if (begin < 0 || end < begin || end > edges.edges) return fault.indptr.store(row + 1);
    bool row_ok = true;
    for (int64_t e = begin; e < end; ++e) {
      if (senders[e] < 0 || senders[e] >= n_source) return fault.sender.store(e);
      if (edges.weight && !(edges.weight_of(e) >= 0 && std::isfinite(edges.weight_of(e)))) return fault.weight.store(e);
      if (e == begin) continue;
      sender_ok &= senders[e - 1] <= senders[e];
      if (edges.timed()) row_ok &= edges.time_of<I>(e - 1) <= edges.time_of<I>(e);
    }
    if (!row_ok) edges.unsorted[row >> 6] |= uint64_t{1} << (row & 63);
    time_ok &= row_ok;
  }
  if (!time_ok) by_time.store(false, std::memory_order_relaxed);
  if (!sender_ok) by_sender.store(false, std::memory_order_relaxed);
}

template <class I>
int check_relation(Relation& edges, int64_t at, int64_t n_source, int64_t rows, int64_t threads) {
  const I* const indptr = static_cast<const I*>(edges.indptr);
  Fault fault;
  std::atomic<bool> by_time{true}, by_sender{true};
  if (edges.timed()) edges.unsorted.assign(static_cast<size_t>(rows / 64 + 1), 0);
  if (indptr[0] != 0) fault.indptr.store(0);
  if (indptr[rows] != edges.edges) fault.indptr.store(rows);
  if (fault.indptr < 0)
    parallel_for((rows + CHUNK - 1) / CHUNK, threads, [&](int64_t k) {
      const int64_t last = (k + 1) * CHUNK < rows ? (k + 1) * CHUNK : rows;
      check_rows<I>(edges, n_source, k * CHUNK, last, fault, by_time, by_sender);
    });
  const long long position = at;
  if (const int64_t bad = fault.indptr; bad >= 0)
    return fail(HEDDLE_RANGE,
                "sample_graph: relation %lld: indptr[%lld]: found %lld, expected to rise from 0 to %lld, the number of "
                "edges; sort the edges again",
                position, static_cast<long long>(bad), static_cast<long long>(indptr[bad]),
                static_cast<long long>(edges.edges));
  if (const int64_t bad = fault.sender; bad >= 0)
    return fail(HEDDLE_RANGE,
                "sample_graph: relation %lld: senders[%lld]: found %lld, expected an id in [0, %lld); correct or "
                "remove the entry",
                position, static_cast<long long>(bad), static_cast<long long>(static_cast<const I*>(edges.senders)[bad]),
                static_cast<long long>(n_source));
  if (const int64_t bad = fault.weight; bad >= 0)
    return fail(HEDDLE_RANGE,
                "sample_graph: relation %lld: weight[%lld]: found %g, expected a finite number of at least 0; correct "
                "or remove the entry",
                position, static_cast<long long>(bad), edges.weight_of(bad));
  edges.by_time = by_time;
  if (by_time) std::vector<uint64_t>().swap(edges.unsorted);
  edges.by_sender = by_sender;
  return HEDDLE_OK;
}

int check_header(const heddle_in_edges& edges, int64_t at, int64_t types) {
  const bool known = edges.source >= 0 && edges.source < types && edges.target >= 0 && edges.target < types;
  const bool typed = (edges.index == HEDDLE_INT32 || edges.index == HEDDLE_INT64) &&
                     (!edges.weight || edges.weight_dtype == HEDDLE_FLOAT32 || edges.weight_dtype == HEDDLE_FLOAT64);
  if (known && typed && edges.edges >= 0) return HEDDLE_OK;
  return fail(HEDDLE_INVALID,
              "sample_graph: relation %lld: found a node type, a type code or a size that is unknown, expected those "
              "of heddle_sampling.h; correct it",
              static_cast<long long>(at));
}

}  // namespace
}  // namespace heddle

extern "C" int heddle_sample_graph_new(const int64_t* n_node, const int64_t* const* node_time,
                                       const uint64_t* const* key_hashes, int64_t types,
                                       const heddle_in_edges* relations, int64_t n_relations, int64_t threads,
                                       heddle_sample_graph** graph) {
  using namespace heddle;
  return guarded("sample_graph", [&] {
    auto made = std::make_unique<heddle_sample_graph>();
    made->n_node.assign(n_node, n_node + types);
    for (int64_t r = 0; r < n_relations; ++r) {
      if (int status = check_header(relations[r], r, types)) return status;
      Relation edges{relations[r], node_time[relations[r].source], key_hashes[relations[r].target], true, true, {}};
      const int status = with_index(edges.index, [&](auto tag) {
        return check_relation<untag<decltype(tag)>>(edges, r, n_node[edges.source], n_node[edges.target], threads);
      });
      if (status) return status;
      made->relations.push_back(std::move(edges));
    }
    *graph = made.release();
    return static_cast<int>(HEDDLE_OK);
  });
}

extern "C" void heddle_sample_graph_free(heddle_sample_graph* graph) { delete graph; }
