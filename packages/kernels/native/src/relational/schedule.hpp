// Work of relations on chunks of nodes: relation after relation, so that what a relation gathers from stays in cache, and
// each chunk's relations in turn, since they add to the same rows.
#pragma once
#include <thread>

#include "call.hpp"

namespace heddle {

// Call body(i, k) for each of `count` relations i and each k in [0, chunks), where a thread stays with a relation, whose
// panel then lies in the caches of that thread alone, and helps with others' when no relation is left. Relations are begun
// in order, and so are the chunks of each.
template <class Body>
void by_relation(int64_t count, int64_t threads, const std::vector<int64_t>& chunks, Body&& body) {
  std::vector<std::atomic<int64_t>> taken(static_cast<size_t>(count));
  std::atomic<int64_t> begun{0};
  const auto work = [&](int64_t i) {
    std::atomic<int64_t>& next_chunk = taken[static_cast<size_t>(i)];
    const int64_t end = chunks[static_cast<size_t>(i)];
    const auto next = [&] { return next_chunk.load(std::memory_order_relaxed) < end ? next_chunk.fetch_add(1, std::memory_order_relaxed) : end; };
    for (int64_t k; (k = next()) < end;) body(i, k);
  };
  parallel_for(resolve_threads(threads), threads, [&](int64_t) {
    for (int64_t i; (i = begun.fetch_add(1, std::memory_order_relaxed)) < count;) work(i);
    for (int64_t i = 0; i < count; ++i) work(i);
  });
}

// The order in which relations take chunks of nodes, for relations that are begun in order: those of one owner share its chunks.
class Schedule {
 public:
  template <class Owner> Schedule(const Call& call, const Part* first, const Part* last, Owner&& owner) {
    std::vector<size_t> first_chunks(static_cast<size_t>(call.n_types) + 1);
    for (size_t t = 0; t + 1 < first_chunks.size(); ++t)
      first_chunks[t + 1] = first_chunks[t] + static_cast<size_t>(Chunks(call.types[t].nodes).count);
    std::vector<int64_t> owned(first_chunks.size());
    for (const Part* part = first; part < last; ++part) {
      const auto type = static_cast<size_t>(owner(*part));
      counts.push_back(Chunks(call.types[type].nodes).count);
      lines.push_back({first_chunks[type], owned[type]++});
    }
    done = std::vector<std::atomic<int64_t>>(first_chunks.back());
  }
  // The number of chunks of each relation.
  const std::vector<int64_t>& chunks() const { return counts; }
  // Call body() once the owner's relations before relation i are through with chunk k.
  template <class Body> void take(int64_t i, int64_t k, Body&& body) {
    const Line& line = lines[static_cast<size_t>(i)];
    std::atomic<int64_t>& before = done[line.first_chunk + static_cast<size_t>(k)];
    while (before.load(std::memory_order_acquire) != line.turn) std::this_thread::yield();  // it was begun before this one
    body();
    before.store(line.turn + 1, std::memory_order_release);
  }

 private:
  struct Line {
    size_t first_chunk;  // of the owner's first chunk, among those of all owners
    int64_t turn;
  };
  std::vector<int64_t> counts;
  std::vector<Line> lines;
  std::vector<std::atomic<int64_t>> done;
};

}  // namespace heddle
