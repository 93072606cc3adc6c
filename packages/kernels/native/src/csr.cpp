#include "csr.hpp"

#include "simd/kernels.hpp"

namespace heddle {

int check_code(const char* op, const char* what, int64_t code, int64_t most, const char* names) {
  if (code >= 0 && code <= most) return HEDDLE_OK;
  return fail(HEDDLE_INVALID, "%s: found %s code %lld, expected 0 to %lld (%s); choose one of them", op, what,
              static_cast<long long>(code), static_cast<long long>(most), names);
}

int check_types(const char* op, int64_t dtype, int64_t index) {
  if (int status = check_code(op, "dtype", dtype, HEDDLE_FLOAT16, "float32, float64, bfloat16, float16")) return status;
  return check_code(op, "index", index, HEDDLE_INT64, "int32, int64");
}

int check_reduce(const char* op, int64_t reduce) {
  return check_code(op, "reduce", reduce, HEDDLE_MAX, "sum, mean, max");
}

int check_sizes(const char* op, std::initializer_list<int64_t> sizes) {
  for (int64_t size : sizes)
    if (size < 0)
      return fail(HEDDLE_INVALID, "%s: found a size of %lld, expected at least 0; pass the arrays' shapes", op,
                  static_cast<long long>(size));
  return HEDDLE_OK;
}

static int check_aligned(const char* op, std::initializer_list<const void*> arrays, int64_t bytes) {
  for (const void* array : arrays)
    if (reinterpret_cast<uintptr_t>(array) % static_cast<uintptr_t>(bytes) != 0)
      return fail(HEDDLE_INVALID, "%s: found an array at %p, expected one aligned to its %lld-byte elements; copy it", op,
                  array, static_cast<long long>(bytes));
  return HEDDLE_OK;
}

int check_values(const char* op, std::initializer_list<const void*> arrays, int64_t dtype) {
  return check_aligned(op, arrays, size_of(dtype));
}

int check_ids(const char* op, std::initializer_list<const void*> arrays, int64_t index) {
  return check_aligned(op, arrays, index_size(index));
}

template <class I> static int check_indptr(const char* op, const I* indptr, int64_t rows, int64_t edges) {
  bool falls = false;
  for (int64_t r = 0; r < rows; ++r) falls |= indptr[r] > indptr[r + 1];
  if (falls || indptr[0] != 0 || indptr[rows] != edges)
    return fail(HEDDLE_RANGE,
                "%s: indptr: found %lld to %lld%s, expected to rise from 0 to %lld, the number of edges; rebuild the adjacency",
                op, static_cast<long long>(indptr[0]), static_cast<long long>(indptr[rows]),
                falls ? " with a fall between" : "", static_cast<long long>(edges));
  return HEDDLE_OK;
}

int check_walk(const char* op, const Walk& walk) {
  if (int status = check_sizes(op, {walk.rows, walk.edges, walk.other_rows})) return status;
  if (int status = check_ids(op, {walk.indptr, walk.ids, walk.perm}, walk.index)) return status;
  return with_index(walk.index, [&](auto tag) {
    using I = untag<decltype(tag)>;
    return check_indptr(op, static_cast<const I*>(walk.indptr), walk.rows, walk.edges);
  });
}

int out_of_range(const char* op, const char* what, const void* ids, int64_t at, int64_t bound, int64_t index) {
  const long long id = index == HEDDLE_INT64 ? static_cast<const int64_t*>(ids)[at] : static_cast<const int32_t*>(ids)[at];
  return fail(HEDDLE_RANGE, "%s: %s[%lld]: found %lld, expected an id in [0, %lld); remove the entry or add the row", op,
              what, static_cast<long long>(at), id, static_cast<long long>(bound));
}

int64_t first_bad(const void* ids, int64_t count, int64_t bound, int64_t index, int64_t threads) {
  constexpr int64_t CHUNK = 1 << 16;
  std::atomic<int64_t> bad{-1};
  parallel_for((count + CHUNK - 1) / CHUNK, threads, [&](int64_t k) {
    const int64_t first = k * CHUNK, last = first + CHUNK < count ? first + CHUNK : count;
    const int64_t at = HEDDLE_PICK(bad_id)(ids, first, last, bound, index);
    if (at >= 0) bad.store(at, std::memory_order_relaxed);
  });
  return bad;
}

int64_t check_part(const Walk& walk, int64_t first, int64_t last, bool* in_perm) {
  const int64_t from = walk.start(first), to = walk.start(last);
  if (walk.ids)
    if (int64_t at = HEDDLE_PICK(bad_id)(walk.ids, from, to, walk.other_rows, walk.index); at >= 0) return at;
  *in_perm = true;
  return walk.perm ? HEDDLE_PICK(bad_id)(walk.perm, from, to, walk.edges, walk.index) : -1;
}

int64_t chunk_start(const Walk& walk, int64_t k, int64_t chunks) {
  if (k <= 0) return 0;
  if (k >= chunks) return walk.rows;
  const int64_t target = static_cast<int64_t>(static_cast<double>(walk.edges + walk.rows) / chunks * k);
  int64_t low = 0, high = walk.rows;
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (walk.start(middle) + middle < target)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

}  // namespace heddle
