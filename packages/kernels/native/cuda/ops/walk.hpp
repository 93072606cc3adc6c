// A checked walk over edges by row: what lies out of range is noted and left out, never read.
#pragma once
#include "../hd.hpp"
#include "../heddle_cuda.h"

namespace heddle::cuda {

// What sums of T are kept in.
template <class T>
struct Sum {
  using type = float;
};
template <>
struct Sum<double> {
  using type = double;
};
template <class T>
using sum_t = typename Sum<T>::type;

template <class I>
struct Walk {
  const I *indptr, *ids, *perm;  // ids and perm may be NULL
  int64_t rows, edges;
  int64_t far;  // rows at the other end
  int64_t* fault;

  // The positions of row r; none if its pointers make no sense.
  HEDDLE_HD void row(int64_t r, int64_t& begin, int64_t& end) const {
    begin = indptr[r];
    end = indptr[r + 1];
    if (begin >= 0 && begin <= end && end <= edges) return;
    note(fault, HEDDLE_FAULT_INDPTR, r + 1, end, edges);
    begin = end = 0;
  }
  // The row that position j belongs to.
  HEDDLE_HD int64_t row_of(int64_t j) const {
    int64_t low = 0, high = rows;  // indptr[low] <= j < indptr[high]
    while (high - low > 1) {
      const int64_t middle = low + (high - low) / 2;
      if (indptr[middle] <= j)
        low = middle;
      else
        high = middle;
    }
    return low;
  }
  // The row at the other end, or -1.
  HEDDLE_HD int64_t other(int64_t j) const {
    const int64_t id = ids ? static_cast<int64_t>(ids[j]) : j;
    if (within(id, far)) return id;
    note(fault, HEDDLE_FAULT_ID, j, id, far);
    return -1;
  }
  // The edge's place in per-edge arrays, or -1.
  HEDDLE_HD int64_t edge(int64_t j) const {
    const int64_t place = perm ? static_cast<int64_t>(perm[j]) : j;
    if (within(place, edges)) return place;
    note(fault, HEDDLE_FAULT_ID, j, place, edges);
    return -1;
  }
};

}  // namespace heddle::cuda
