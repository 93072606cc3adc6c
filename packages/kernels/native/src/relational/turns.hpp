// Work of relations on chunks of nodes: relation after relation, so that what a relation gathers from stays in cache, and
// each chunk's relations in turn, since they add to the same rows.
#pragma once
#include <thread>

#include "call.hpp"

namespace heddle {

// Call body(part, chunk) for each part and each chunk of `nodes(part)`; parts of one `owner` share their chunks.
template <class Owner, class Body>
void in_turns(const Call& call, const Part* first, const Part* last, Owner&& owner, Body&& body) {
  struct Turn {
    const Part* part;
    int64_t chunk;
    size_t place;  // of the chunk, among those of all owners
    int64_t turn;
  };
  std::vector<size_t> places(static_cast<size_t>(call.n_types) + 1);
  for (size_t t = 0; t + 1 < places.size(); ++t)
    places[t + 1] = places[t] + static_cast<size_t>(Chunks(call.types[t].nodes).count);
  std::vector<int64_t> taken(places.size());
  std::vector<Turn> turns;
  for (const Part* part = first; part < last; ++part) {
    const auto type = static_cast<size_t>(owner(*part));
    for (int64_t k = 0; k < Chunks(call.types[type].nodes).count; ++k)
      turns.push_back({part, k, places[type] + static_cast<size_t>(k), taken[type]});
    ++taken[type];
  }
  std::vector<std::atomic<int64_t>> done(places.back());
  parallel_for(static_cast<int64_t>(turns.size()), call.threads, [&](int64_t i) {
    const Turn& turn = turns[static_cast<size_t>(i)];
    std::atomic<int64_t>& before = done[turn.place];
    while (before.load(std::memory_order_acquire) != turn.turn) std::this_thread::yield();  // it was taken before this one
    body(*turn.part, turn.chunk);
    before.store(turn.turn + 1, std::memory_order_release);
  });
}

}  // namespace heddle
