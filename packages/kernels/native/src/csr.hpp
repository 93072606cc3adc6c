// A walk over rows of edges, its checks, and its division among threads.
#pragma once
#include <atomic>
#include <cstdint>
#include <initializer_list>

#include "threads/pool.hpp"
#include "status.hpp"
#include "types.hpp"

namespace heddle {

// See heddle_kernels.h. `other_rows` bounds ids; NULL ids count up from 0.
struct Walk {
  const void* indptr;
  const void* ids;
  const void* perm;
  int64_t rows;
  int64_t edges;
  int64_t other_rows;
  int64_t index;

  int64_t start(int64_t row) const {
    return index == HEDDLE_INT64 ? static_cast<const int64_t*>(indptr)[row] : static_cast<const int32_t*>(indptr)[row];
  }
};

// Checks of arguments; each returns HEDDLE_OK or keeps its message. Pointers are checked for the alignment of elements.
int check_code(const char* op, const char* what, int64_t code, int64_t most, const char* names);
int check_types(const char* op, int64_t dtype, int64_t index);
int check_reduce(const char* op, int64_t reduce);
int check_sizes(const char* op, std::initializer_list<int64_t> sizes);
int check_values(const char* op, std::initializer_list<const void*> arrays, int64_t dtype);
int check_ids(const char* op, std::initializer_list<const void*> arrays, int64_t index);
// Check that row pointers rise from 0 to the number of edges.
int check_walk(const char* op, const Walk& walk);
// The error for an id out of [0, bound).
int out_of_range(const char* op, const char* what, const void* ids, int64_t at, int64_t bound, int64_t index);
// First position in [0, count) whose id is out of [0, bound), or -1.
int64_t first_bad(const void* ids, int64_t count, int64_t bound, int64_t index, int64_t threads);

// First row of chunk k of `chunks`, each with as many rows and edges together as any other.
int64_t chunk_start(const Walk& walk, int64_t k, int64_t chunks);

// Check the ids and perm of rows [first, last); return the position of a bad one, or -1, and which array it is in.
int64_t check_part(const Walk& walk, int64_t first, int64_t last, bool* in_perm);

// Run rows(first, last) over all rows, in parallel if it pays, where an edge moves `edge_bytes` bytes. Ids and perm are
// checked part by part, just before they are used and so from cache.
template <class F> int for_rows(const char* op, const Walk& walk, int64_t edge_bytes, int64_t threads, F&& rows) {
  constexpr int64_t CHUNK_BYTES = 1 << 18;
  constexpr int64_t ALONE_BYTES = 1 << 21;  // so little is done before a second thread would be awake
  if (int status = check_walk(op, walk)) return status;
  const int64_t bytes = (walk.edges + walk.rows) * (edge_bytes + 8);
  const int64_t most = resolve_threads(threads) * 16;
  int64_t chunks = bytes / CHUNK_BYTES;
  chunks = bytes < ALONE_BYTES ? 1 : chunks > most ? most : chunks;
  std::atomic<int64_t> bad{-1}, bad_perm{-1};
  parallel_for(chunks, threads, [&](int64_t k) {
    const int64_t first = chunk_start(walk, k, chunks), last = chunk_start(walk, k + 1, chunks);
    if (first >= last) return;
    bool in_perm = false;
    const int64_t at = check_part(walk, first, last, &in_perm);
    if (at < 0)
      rows(first, last);
    else
      (in_perm ? bad_perm : bad).store(at, std::memory_order_relaxed);
  });
  if (int64_t at = bad; at >= 0) return out_of_range(op, "ids", walk.ids, at, walk.other_rows, walk.index);
  if (int64_t at = bad_perm; at >= 0) return out_of_range(op, "perm", walk.perm, at, walk.edges, walk.index);
  return HEDDLE_OK;
}

}  // namespace heddle
