// Sums of outer products, kept for each chunk of rows and added up in the order of the chunks, so that they don't depend
// on which thread did what.
#pragma once
#include <cstring>

#include "values.hpp"

namespace heddle {

class OuterSums {
 public:
  // `count` matrices [k, out_dim] for each of `chunks` chunks; `joined`: side by side, as one of `count` times the columns.
  // out [count, k, out_dim], NULL for sums that nobody wants: where one chunk's have its form, they are summed there.
  OuterSums(const Call& call, int64_t count, int64_t k, int64_t chunks, void* out, bool joined = false)
      : call(call), count(count), k(k), chunks(out ? chunks : 0), joined(joined), out(static_cast<char*>(out)),
        direct(out && chunks == 1 && !joined && call.width == call.out_dim),
        memory(direct ? 0 : bytes(call, count, k) * this->chunks) {}

  static int64_t bytes(const Call& call, int64_t count, int64_t k) { return count * k * call.width * call.bytes; }

  // A matrix of a chunk (or, joined, all of them) begins with zeros.
  void clear(int64_t chunk, int64_t matrix) {
    std::memset(at(chunk, matrix), 0, static_cast<size_t>(bytes(call, joined ? count : 1, k)));
  }
  // Add left[i] transposed times right[i] over rows [first, last), at most BLOCK, to a matrix of a chunk, or to all.
  void add(int64_t chunk, int64_t matrix, const Rows& left, const Rows& right, int64_t first, int64_t last) {
    HEDDLE_PICK(relational_outer)({left, k, right, columns(), at(chunk, matrix), call.dtype, call.index}, first, last);
  }
  bool wanted() const { return out != nullptr; }
  // Write the sums over all chunks to `out`.
  void finish() {
    if (!out || direct) return;
    const int64_t rows = joined ? 1 : k, per_row = joined ? count : 1;  // of a task, and matrices in a row of sums
    parallel_for(joined ? k : count, call.threads, [&](int64_t task) {
      const auto sums = [&](int64_t chunk) { return call.at(at(chunk, 0), task * rows * columns()); };
      for (int64_t c = 1; c < chunks; ++c) HEDDLE_PICK(relational_add)(sums(c), rows * columns(), sums(0), call.dtype);
      for (int64_t i = 0; i < rows * per_row; ++i) {
        char* const to = call.at(out, (joined ? i * k + task : task * k + i) * call.out_dim);
        const size_t size = static_cast<size_t>(call.out_dim * call.bytes);
        chunks ? std::memcpy(to, call.at(sums(0), i * call.width), size) : std::memset(to, 0, size);
      }
    });
  }

 private:
  int64_t columns() const { return (joined ? count : 1) * call.width; }
  char* at(int64_t chunk, int64_t matrix) const {
    return (direct ? out : memory.data()) + bytes(call, chunk * count + matrix, k);
  }
  const Call& call;
  int64_t count, k, chunks;
  bool joined;
  char* out;
  bool direct;
  Memory memory;
};

}  // namespace heddle
