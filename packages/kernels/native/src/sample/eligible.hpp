// Which edges into a node may be taken: heddle/sampling/eligible.py.
#pragma once
#include <algorithm>
#include <cstdint>

#include "draw.hpp"
#include "graph.hpp"

namespace heddle {

// What a call asks of one relation.
struct Ask {
  int64_t size;
  bool replace;
  bool newest;
  const int64_t* seed_time;  // by tree, or NULL: times don't matter
  int64_t window;            // edges that became eligible longer ago than this aren't taken; 0 for no such limit

  // The latest moment that a tree's window leaves out.
  int64_t forgotten(uint32_t tree) const {
    return seed_time[tree] < INT64_MIN + window ? INT64_MIN : seed_time[tree] - window;
  }
};

// The first edge of [low, high), in the order of their times, that became eligible after `time`.
template <class I>
int64_t first_after(const Relation& edges, int64_t time, int64_t low, int64_t high) {
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (edges.time_of<I>(middle) <= time)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

// Whether the eligible edges of a row are always a stretch of it, so that none needs to be looked at.
inline bool in_one_stretch(const Relation& edges, const Ask& ask) {
  return !edges.weight && (!ask.seed_time || !edges.timed() || edges.by_time);
}

// Cut [begin, end) to the eligible edges of a row that has them in one stretch.
template <class I>
void cut(const Relation& edges, const Ask& ask, uint32_t tree, int64_t& begin, int64_t& end) {
  if (ask.seed_time && edges.timed()) {
    end = first_after<I>(edges, ask.seed_time[tree], begin, end);
    if (ask.window && edges.time) begin = first_after<I>(edges, ask.forgotten(tree), begin, end);
  }
  if (ask.newest && ask.size >= 0 && end - begin > ask.size) begin = end - ask.size;
}

// Collect the eligible edges of [begin, end) and, if edges have weights, their odds.
template <class I>
void collect(const Relation& edges, const Ask& ask, uint32_t tree, int64_t begin, int64_t end, Scratch& scratch) {
  auto& eligible = scratch.eligible;
  eligible.clear();
  const bool timed = ask.seed_time && edges.timed(), windowed = timed && ask.window && edges.time;
  const int64_t until = timed ? ask.seed_time[tree] : 0, after = windowed ? ask.forgotten(tree) : 0;
  for (int64_t e = begin; e < end; ++e) {
    if (edges.weight && !(edges.weight_of(e) > 0)) continue;
    const int64_t time = timed ? edges.time_of<I>(e) : 0;
    if (timed && (time > until || (windowed && time <= after))) continue;
    eligible.push_back(e);
  }
  if (ask.newest && ask.size >= 0 && static_cast<int64_t>(eligible.size()) > ask.size) {
    auto& ages = scratch.ages;
    ages.clear();
    for (int64_t e : eligible) ages.emplace_back(edges.time_of<I>(e), e);
    std::nth_element(ages.begin(), ages.end() - ask.size, ages.end());
    eligible.clear();
    for (auto age = ages.end() - ask.size; age != ages.end(); ++age) eligible.push_back(age->second);
    std::sort(eligible.begin(), eligible.end());
  }
  scratch.odds.clear();
  if (edges.weight)
    for (int64_t e : eligible) scratch.odds.push_back(edges.weight_of(e));
}

}  // namespace heddle
