// The eligible edges of one receiver of a live graph, the base's and those appended, in the order that they would have if the
// appended ones had been there from the start: by time, then the base's first, then by arrival.
#pragma once
#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "../sample/eligible.hpp"
#include "live.hpp"

namespace heddle {

// A thread's memory for rows.
struct Row {
  std::vector<uint32_t> entries_of;   // entries, in the order of the row
  std::vector<int64_t> rank;   // place of each of them in the row
  std::vector<int64_t> base;   // eligible positions of the base, where they are no stretch
  std::vector<std::pair<int64_t, int64_t>> ages;
  int64_t begin = 0, held = 0;  // the stretch of the base, or how many of `base`
  bool stretch = true;

  int64_t size() const { return held + static_cast<int64_t>(entries_of.size()); }
  int64_t position(int64_t i) const { return stretch ? begin + i : base[i]; }

  // Call of_base(position) or of_entry(entry) for the edge at a place.
  template <class B, class E>
  auto at(int64_t nth, B&& of_base, E&& of_entry) const {
    const auto next = std::lower_bound(rank.begin(), rank.end(), nth);
    const int64_t j = next - rank.begin();
    if (next != rank.end() && *next == nth) return of_entry(entries_of[j]);
    return of_base(position(nth - j));
  }
};

// Collect the entries of a list before `upto` that `keep` keeps, by time, then by arrival.
template <class K>
void chain(const heddle_live& live, int64_t list, int64_t node, int64_t upto, std::vector<uint32_t>& entries_of, K&& keep) {
  entries_of.clear();
  for (uint32_t e = live.heads[list][node].load(std::memory_order_acquire); e; e = live.entries[e - 1].before)
    if (e <= upto && keep(live.entries[e - 1])) entries_of.push_back(e - 1);
  std::reverse(entries_of.begin(), entries_of.end());
  const auto earlier = [&](uint32_t a, uint32_t b) { return live.entries[a].time < live.entries[b].time; };
  if (!std::is_sorted(entries_of.begin(), entries_of.end(), earlier)) std::stable_sort(entries_of.begin(), entries_of.end(), earlier);
}

// Fill `row` with what a question of `ask` at `tree` may take of a receiver.
template <class I>
void open_row(const heddle_live& live, int64_t r, const Ask& ask, int64_t receiver, uint32_t tree, int64_t upto, Row& row) {
  const Relation& edges = live.base->relations[r];
  const bool timed = ask.seed_time && edges.timed();
  int64_t begin = 0, end = 0;
  if (receiver < live.base->n_node[edges.target]) {
    const I* const indptr = static_cast<const I*>(edges.indptr);
    begin = indptr[receiver], end = indptr[receiver + 1];
  }
  const bool windowed = timed && ask.window && edges.time;
  const int64_t until = timed ? ask.seed_time[tree] : 0, after = windowed ? ask.forgotten(tree) : 0;
  const auto taken = [&](int64_t time) { return !timed || (time <= until && (!windowed || time > after)); };
  row.stretch = !timed || edges.by_time;
  if (row.stretch) {
    cut<I>(edges, Ask{-1, false, false, ask.seed_time, ask.window}, tree, begin, end);
    row.begin = begin, row.held = end - begin;
  } else {
    row.base.clear();
    for (int64_t e = begin; e < end; ++e)
      if (taken(edges.time_of<I>(e))) row.base.push_back(e);
    row.held = static_cast<int64_t>(row.base.size());
  }
  chain(live, r, receiver, upto, row.entries_of,
        [&](const Entry& entry) { return !timed || taken(live.eligible_from(edges, entry)); });
  row.rank.resize(row.entries_of.size());
  for (size_t j = 0; j < row.entries_of.size(); ++j) {
    int64_t before = row.held;  // of the base
    if (edges.time && row.held && edges.time[row.position(row.held - 1)] > live.entries[row.entries_of[j]].time) {
      int64_t low = 0;
      while (low < before) {
        const int64_t middle = low + (before - low) / 2;
        if (edges.time[row.position(middle)] <= live.entries[row.entries_of[j]].time)
          low = middle + 1;
        else
          before = middle;
      }
    }
    row.rank[j] = before + static_cast<int64_t>(j);
  }
}

}  // namespace heddle
