// Which of a node's edges are taken: heddle/sampling/draw.py.
#pragma once
#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "stream.hpp"

namespace heddle {

// A thread's memory for drawing.
struct Scratch {
  std::vector<uint64_t> bits;   // all 0 between draws
  std::vector<int64_t> eligible;  // positions of edges
  std::vector<double> odds;     // of each of them
  std::vector<std::pair<double, int64_t>> waits;
  std::vector<std::pair<int64_t, int64_t>> ages;
};

// How many edges draw() takes of n, at most.
inline int64_t drawn(int64_t n, int64_t size, bool replace) {
  if (n == 0 || size == 0) return 0;
  return size < 0 || (size >= n && !replace) ? n : size;
}

// Floyd: `size` < n different positions, every set of them equally likely; writes from + place.
inline void draw_different(int64_t n, int64_t size, int64_t from, Stream stream, std::vector<uint64_t>& bits,
                           int64_t* out) {
  const size_t words = static_cast<size_t>((n + 63) / 64);
  if (bits.size() < words) bits.resize(words);
  uint64_t* const taken = bits.data();
  for (int64_t i = 0; i < size; ++i) {
    const int64_t last = n - size + i;
    int64_t position = static_cast<int64_t>(stream.below(static_cast<uint64_t>(last) + 1));
    if (taken[position >> 6] >> (position & 63) & 1) position = last;
    taken[position >> 6] |= uint64_t{1} << (position & 63);
    out[i] = from + position;
  }
  for (int64_t i = 0; i < size; ++i) taken[(out[i] - from) >> 6] = 0;
}

// Write drawn(n, size, replace) positions out of from to from + n - 1.
inline void draw_range(int64_t n, int64_t size, bool replace, int64_t from, Stream stream, Scratch& scratch,
                       int64_t* out) {
  if (n == 0 || size == 0) return;
  if (size < 0 || (size >= n && !replace))
    for (int64_t i = 0; i < n; ++i) out[i] = from + i;
  else if (replace)
    for (int64_t i = 0; i < size; ++i) out[i] = from + static_cast<int64_t>(stream.below(static_cast<uint64_t>(n)));
  else
    draw_different(n, size, from, stream, scratch.bits, out);
}

// By weight: with replacement where each number falls among the running totals, without it the shortest waits.
inline void draw_by_odds(int64_t size, bool replace, Stream stream, Scratch& scratch, int64_t* out) {
  std::vector<double>& odds = scratch.odds;
  const int64_t n = static_cast<int64_t>(odds.size());
  if (replace) {
    for (int64_t i = 1; i < n; ++i) odds[i] += odds[i - 1];
    for (int64_t i = 0; i < size; ++i) {
      const double mark = stream.unit() * odds[n - 1];
      const int64_t position = std::upper_bound(odds.begin(), odds.end(), mark) - odds.begin();
      out[i] = position < n ? position : n - 1;
    }
    return;
  }
  // A heap of the `size` shortest so far, the longest of them on top.
  auto& waits = scratch.waits;
  waits.clear();
  for (int64_t position = 0; position < n; ++position) {
    const std::pair<double, int64_t> wait{stream.exponential(odds[position]), position};
    if (position < size) {
      waits.push_back(wait);
      if (position + 1 == size) std::make_heap(waits.begin(), waits.end());
    } else if (wait < waits.front()) {
      std::pop_heap(waits.begin(), waits.end());
      waits.back() = wait;
      std::push_heap(waits.begin(), waits.end());
    }
  }
  std::sort_heap(waits.begin(), waits.end());
  for (int64_t i = 0; i < size; ++i) out[i] = waits[i].second;
}

// Write drawn(...) positions in [0, n), n that of scratch.odds if `weighted`.
inline void draw_positions(int64_t n, int64_t size, bool replace, bool weighted, Stream stream, Scratch& scratch,
                        int64_t* out) {
  if (weighted && drawn(n, size, replace) != 0 && size > 0 && (replace || size < n))
    draw_by_odds(size, replace, stream, scratch, out);
  else
    draw_range(n, size, replace, 0, stream, scratch, out);
}

}  // namespace heddle
