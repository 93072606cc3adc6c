// The arguments of a sum over relations, checked, and the way its work is divided.
#pragma once
#include <atomic>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

#include "heddle_relational.h"
#include "simd/kernels.hpp"

namespace heddle {

// One relation with its position in its bundle.
struct Part {
  const heddle_bundle* bundle;
  int64_t position;  // among the bundle's relations
  int64_t matrix_index;  // among the bundle's matrices
  int64_t target;  // its type
  const void* receivers;
  int64_t first_column, columns;
  int64_t first_row, rows;
};

inline char* aligned(unsigned char* memory) {
  return reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(memory) + 63) / 64 * 64);
}

// Memory without values, aligned to vectors. What is released serves the next of this thread, since memory that is new
// to the process costs as much to touch as to compute.
class Memory {
 public:
  explicit Memory(int64_t bytes) : held(take(static_cast<size_t>(bytes))) {}
  Memory(Memory&& other) noexcept : held(std::move(other.held)) { other.held.size = 0; }
  ~Memory() { give(std::move(held)); }
  char* data() const { return reinterpret_cast<char*>(held.bytes.get()); }

 private:
  struct Free {
    void operator()(unsigned char* bytes) const { std::free(bytes); }
  };
  struct Held {
    std::unique_ptr<unsigned char, Free> bytes;
    size_t size;
  };
  static std::vector<Held>& spare();
  static Held fresh(size_t size);
  static Held take(size_t size);
  static void give(Held held) noexcept;
  Held held;
};

// What tasks found wrong: the first of it that was reported.
class Problem {
 public:
  void bad_id(int64_t id, int64_t low, int64_t high) { note(HEDDLE_RANGE, id, low, high); }
  void no_memory() { note(HEDDLE_MEMORY, 0, 0, 0); }
  // HEDDLE_OK, or the error.
  int status(const char* op) const;
  bool none() const { return result == HEDDLE_OK; }

 private:
  void note(int what, int64_t id, int64_t low, int64_t high);
  std::mutex mutex;
  int result = HEDDLE_OK;
  int64_t at = 0, from = 0, to = 0;
};

// Memory of one task; NULL data, and the problem noted, if there is none.
class Scratch {
 public:
  Scratch(int64_t bytes, Problem& problem) : held(new (std::nothrow) unsigned char[static_cast<size_t>(bytes) + 64]) {
    if (!held) problem.no_memory();
  }
  explicit operator bool() const { return held != nullptr; }
  char* data() const { return aligned(held.get()); }

 private:
  std::unique_ptr<unsigned char[]> held;
};

struct Call {
  const heddle_node_type* types;
  int64_t n_types;
  std::vector<Part> parts;
  int64_t out_dim;
  bool relu;
  bool known;  // that ids are in range
  int64_t dtype, index, threads;
  int64_t bytes;  // of a value
  int64_t width;  // out_dim in whole vectors
  std::vector<char*> y;     // per type, the result's rows [nodes, width], NULL for a type that has none
  std::vector<const char*> grad;  // the same for its gradient
  mutable Problem problem;

  int64_t padded(int64_t columns) const;
  int64_t in_dim(const Part& part) const { return types[part.bundle->source].in_dim; }
  bool featureless(const Part& part) const { return !types[part.bundle->source].x; }
  // A relation's matrix, or its gradient; in a source without features, its table of rows.
  const char* matrix(const Part& part) const;
  char* matrix_grad(const Part& part) const;
  const char* at(const void* values, int64_t i) const { return static_cast<const char*>(values) + i * bytes; }
  char* at(void* values, int64_t i) const { return static_cast<char*>(values) + i * bytes; }
  const char* id_at(const void* ids, int64_t i) const {
    return ids ? static_cast<const char*>(ids) + i * index_size(index) : nullptr;
  }
  // The positions of a part's receivers (or sources) that are nodes [first, last), relative to the part.
  std::pair<int64_t, int64_t> rows_within(const Part& part, int64_t first, int64_t last) const;
  std::pair<int64_t, int64_t> columns_within(const Part& part, int64_t first, int64_t last) const;
  // out rows = lhs rows [.., k] times a matrix packed for `columns`, padded to whole vectors.
  RowProduct product(Rows lhs, const void* packed, int64_t k, Rows out, int64_t columns) const;
  // Pack each part's matrix, or its transposed one, one after the other; `packed_bytes` each.
  int64_t packed_bytes(const Part& part, bool transposed) const;
  void pack(const Part* first, const Part* last, bool transposed, char* to) const;
  int64_t edges(const Part& part) const;
  // The walk of a part's rows over its columns, or, `back`, of its columns over its rows, in numbers of the bundle.
  RowGather walk(const Part& part, bool back) const;
  // Check the ids of rows [first, last) of a walk, then sum them up; false if one is out of [low, high).
  bool gather(const RowGather& g, int64_t first, int64_t last, int64_t low, int64_t high) const;
};

// The arguments of both functions.
struct Arguments {
  const heddle_node_type* types;
  int64_t n_types;
  const heddle_bundle* bundles;
  int64_t n_bundles;
  const heddle_target* targets;
  int64_t out_dim, relu, dtype, index, threads, known;
};

// Read and check the arguments; `back`: also those that only the gradient needs, and not those that it doesn't.
int read_call(const char* op, Call& call, const Arguments& given, bool back);

// Nodes of a type in chunks, the same whatever the number of threads, so that sums over chunks are too.
struct Chunks {
  int64_t nodes, size, count;
  explicit Chunks(int64_t nodes)
      : nodes(nodes), size(nodes / 64 > 1024 ? nodes / 64 : 1024), count((nodes + size - 1) / size) {}
  int64_t first(int64_t k) const { return k * size; }
  int64_t last(int64_t k) const { return (k + 1) * size < nodes ? (k + 1) * size : nodes; }
};

// Rows [first, last) of a target or a source in one task.
struct Task {
  int64_t type, chunk;
};
// A task for each chunk of each target of the parts.
std::vector<Task> target_tasks(const Call& call, const Part* first, const Part* last);

// Cut parts [first, ...) off: as many of one bundle as `cost` adds up to at most `most`, but four, which share their
// rows of x, in any case. Returns their end.
template <class F> const Part* group_end(const Part* first, const Part* end, int64_t most, F&& cost) {
  const Part* last = first;
  for (int64_t total = 0; last < end && last->bundle == first->bundle; ++last)
    if ((total += cost(*last)) > most && last - first >= 4) break;
  return last;
}

// body(first, last) over blocks of rows [first, last), of at most `size` each.
template <class F> void for_blocks(int64_t first, int64_t last, int64_t size, F&& body) {
  for (; first < last; first += size) body(first, first + size < last ? first + size : last);
}

// Read once, in order, what is about to be read all over, if it is small: that brings it near in a fraction of the time.
inline void bring_near(const void* data, int64_t bytes) {
  constexpr int64_t LINE = 64, SMALL = 4 << 20;
  if (bytes > SMALL) return;
  const volatile char* const from = static_cast<const volatile char*>(data);
  for (int64_t i = 0; i < bytes; i += LINE) static_cast<void>(from[i]);
}

// Rows of a block whose buffer of `width` values a row stays in the nearest cache.
inline int64_t block_rows(int64_t width) {
  const int64_t rows = 8192 / (width ? width : 1);
  return rows > BLOCK ? BLOCK : rows < 16 ? 16 : rows;
}

// The steps, one file each, for parts of one bundle.
void transform_first(const Call& call, const Part* first, const Part* last);
void aggregate_first(const Call& call, const Part* first, const Part* last);
void transform_first_grad(const Call& call, const Part* first, const Part* last);
// begin: for each column of the bundle, the first of its edges to the group; on return, to the next group.
void aggregate_first_grad(const Call& call, const Part* first, const Part* last, void* begin);

}  // namespace heddle
