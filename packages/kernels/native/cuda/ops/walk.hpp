// A checked walk over edges by row: what lies out of range is noted and left out, never read.
#pragma once
#include <type_traits>

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

// A row of more than LONG edges is cut at multiples of CHUNK, so that many groups of lanes share it. What a whole chunk of
// it comes to is kept in `partial`, one entry a chunk, and joined by the row's own group: the same sums on every run.
constexpr int64_t CHUNK = 256, LONG = 2 * CHUNK;

// Chunks of which partial sums may be kept.
HEDDLE_HD int64_t chunks_of(int64_t edges) { return edges > LONG ? edges / CHUNK : 0; }

// Positions in arrays of edges, whose row pointers are of I: steps past their end don't overflow.
template <class I>
using place_t = std::conditional_t<sizeof(I) == 4, uint32_t, int64_t>;

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
  HEDDLE_HD int64_t row_of(int64_t j) const { return run_of(indptr, rows, j); }
  // The row that position j belongs to, as row_of, from a row that begins before it: most often the same or the next.
  HEDDLE_HD int64_t row_from(int64_t row, int64_t j) const {
    for (int tries = 0; tries < 4; ++tries, ++row)
      if (row + 1 >= rows || indptr[row + 1] > j) return row;
    return row_of(j);
  }
  // Whether row r has position j, as far as its pointers make sense; what has no row is left out.
  HEDDLE_HD bool holds(int64_t r, int64_t j) const {
    return indptr[r] >= 0 && indptr[r] <= j && j < indptr[r + 1] && indptr[r + 1] <= edges;
  }
  // Whether all of chunk c belongs to one long row.
  HEDDLE_HD bool whole(int64_t c) const {
    const int64_t first = c * CHUNK, r = row_of(first);
    const int64_t begin = indptr[r], end = indptr[r + 1];
    return begin >= 0 && end <= edges && end - begin > LONG && begin <= first && first + CHUNK <= end;
  }
  // The positions of a row, and of those of a long one what whole chunks [first, last) leave at both ends: [begin, head) and
  // [tail, end).
  struct Cut {
    place_t<I> begin, end;

    HEDDLE_HD bool is_long() const { return end - begin > static_cast<place_t<I>>(LONG); }
    HEDDLE_HD place_t<I> first() const { return (begin + static_cast<place_t<I>>(CHUNK - 1)) / CHUNK; }
    HEDDLE_HD place_t<I> last() const { return end / CHUNK; }
    HEDDLE_HD place_t<I> head() const { return is_long() ? first() * static_cast<place_t<I>>(CHUNK) : end; }
    HEDDLE_HD place_t<I> tail() const { return last() * static_cast<place_t<I>>(CHUNK); }
  };
  HEDDLE_HD Cut cut(int64_t r) const {
    int64_t begin, end;
    row(r, begin, end);
    return {static_cast<place_t<I>>(begin), static_cast<place_t<I>>(end)};
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
    const int64_t position = perm ? static_cast<int64_t>(perm[j]) : j;
    if (within(position, edges)) return position;
    note(fault, HEDDLE_FAULT_ID, j, position, edges);
    return -1;
  }
};

}  // namespace heddle::cuda
