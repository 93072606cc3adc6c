// Sums of outer products, kept for each chunk of rows and added up in the order of the chunks, so that they don't depend
// on which thread did what.
#pragma once
#include <cstring>

#include "values.hpp"

namespace heddle {

class OuterSums {
 public:
  // A matrix [k, out_dim] to each of `out`, for each of `chunks` chunks; `joined`: side by side, as one of so many times
  // the columns. NULLs in `out` stand for sums that nobody wants. Where one chunk's have its form, they are summed there.
  OuterSums(const Call& call, std::vector<char*> out, int64_t k, int64_t chunks, bool joined = false)
      : call(call), out(std::move(out)), count(static_cast<int64_t>(this->out.size())), k(k), joined(joined),
        chunks(wanted() ? chunks : 0), direct(this->chunks == 1 && !joined && call.width == call.out_dim),
        memory(direct ? 0 : bytes(call, count, k) * this->chunks) {}
  // Sums for the gradients of relations' matrices.
  OuterSums(const Call& call, const Part* first, const Part* last, int64_t chunks, bool joined = false)
      : OuterSums(call, gradients(call, first, last), call.in_dim(*first), chunks, joined) {}

  static int64_t bytes(const Call& call, int64_t count, int64_t k) { return count * k * call.width * call.bytes; }

  // A matrix of a chunk (or, joined, all of them) begins with zeros.
  void clear(int64_t chunk, int64_t matrix) {
    std::memset(at(chunk, matrix), 0, static_cast<size_t>(bytes(call, joined ? count : 1, k)));
  }
  // Add left[i] transposed times right[i] over rows [first, last), at most BLOCK, to a matrix of a chunk, or to all.
  void add(int64_t chunk, int64_t matrix, const Rows& left, const Rows& right, int64_t first, int64_t last) {
    HEDDLE_PICK(relational_outer)({left, k, right, columns(), at(chunk, matrix), call.dtype, call.index}, first, last);
  }
  bool wanted() const { return !out.empty() && out.front(); }
  // Write the sums over all chunks to `out`.
  void finish() {
    if (!wanted() || direct) return;
    const int64_t rows = joined ? 1 : k, per_row = joined ? count : 1;  // of a task, and matrices in a row of sums
    parallel_for(joined ? k : count, call.threads, [&](int64_t task) {
      const auto sums = [&](int64_t chunk) { return call.at(at(chunk, 0), task * rows * columns()); };
      for (int64_t c = 1; c < chunks; ++c) HEDDLE_PICK(relational_add)(sums(c), rows * columns(), sums(0), call.dtype);
      for (int64_t i = 0; i < rows * per_row; ++i) {
        char* const to = call.at(out[static_cast<size_t>(joined ? i : task)], (joined ? task : i) * call.out_dim);
        const size_t size = static_cast<size_t>(call.out_dim * call.bytes);
        chunks ? std::memcpy(to, call.at(sums(0), i * call.width), size) : std::memset(to, 0, size);
      }
    });
  }

 private:
  int64_t columns() const { return (joined ? count : 1) * call.width; }
  char* at(int64_t chunk, int64_t matrix) const {
    return direct ? out[static_cast<size_t>(matrix)] : memory.data() + bytes(call, chunk * count + matrix, k);
  }
  static std::vector<char*> gradients(const Call& call, const Part* first, const Part* last) {
    std::vector<char*> result;
    for (const Part* part = first; part < last; ++part) result.push_back(call.matrix_grad(*part));
    return result;
  }
  const Call& call;
  std::vector<char*> out;
  int64_t count, k;
  bool joined;
  int64_t chunks;
  bool direct;
  Memory memory;
};

}  // namespace heddle
