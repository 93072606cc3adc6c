// The steps of one hop of neighbour sampling, one node or edge at a time; see heddle_cuda.h.
#pragma once
#include "draw.hpp"
#include "walk.hpp"

namespace heddle::cuda {

constexpr int64_t CLAIM = int64_t{1} << 62;  // a table's value from here on is a claim, below a place

template <class I>
struct Hop {
  Walk<I> walk;  // ids: senders
  const int64_t* nodes;
  int64_t size;
  bool replace;

  // The edges that may be taken of node i; none for a node out of range.
  HEDDLE_HD void eligible(int64_t i, int64_t& begin, int64_t& end) const {
    begin = end = 0;
    if (within(nodes[i], walk.rows))
      walk.row(nodes[i], begin, end);
    else
      note(walk.fault, HEDDLE_FAULT_ID, i, nodes[i], walk.rows);
  }
  HEDDLE_HD int64_t count(int64_t i) const {
    int64_t begin, end;
    eligible(i, begin, end);
    return drawn(end - begin, size, replace);
  }
  // Draw for node i at place first + i, into what its running total leaves free.
  HEDDLE_HD void take(int64_t i, const int64_t* ends, int64_t first, uint64_t key, int64_t* taken, int64_t* receivers,
                      int64_t* ids) const {
    int64_t begin, end;
    eligible(i, begin, end);
    const int64_t to = ends[i], from = to - drawn(end - begin, size, replace);
    draw(end - begin, size, replace, begin, Stream{branch(key, first + i)}, taken + from);
    for (int64_t j = from; j < to; ++j) {
      receivers[j] = first + i;
      const int64_t sender = walk.other(taken[j]);
      ids[j] = sender < 0 ? 0 : sender;  // noted; node 0 stands in, which exists where there are edges
    }
  }
};

// Of all claims on a node and its place, the least stays.
HEDDLE_HD void claim(int64_t* table, int64_t node, int64_t value) {
#if defined(__CUDA_ARCH__)
  atomicMin(reinterpret_cast<long long*>(table + node), static_cast<long long>(value));
#else
  if (value < table[node]) table[node] = value;
#endif
}

}  // namespace heddle::cuda
