// Sums of outer products, kept for each chunk of rows and added up in the order of the chunks, so that they don't depend
// on which thread did what.
#pragma once
#include <cstring>

#include "values.hpp"

namespace heddle {

class OuterSums {
 public:
  // `count` matrices [k, out_dim] for each of `chunks` chunks.
  OuterSums(const Call& call, int64_t count, int64_t k, int64_t chunks)
      : call(call), count(count), k(k), chunks(chunks), memory(bytes(call, count, k) * chunks) {}

  static int64_t bytes(const Call& call, int64_t count, int64_t k) { return count * k * call.width * call.bytes; }

  // A matrix of a chunk begins with zeros.
  void clear(int64_t chunk, int64_t matrix) { std::memset(at(chunk, matrix), 0, static_cast<size_t>(bytes(call, 1, k))); }
  // Add left[i] transposed times right[i] over rows [first, last), at most BLOCK, to a matrix of a chunk.
  void add(int64_t chunk, int64_t matrix, const Rows& left, const Rows& right, int64_t first, int64_t last) {
    HEDDLE_PICK(relational_outer)({left, k, right, call.width, at(chunk, matrix), call.dtype, call.index}, first, last);
  }
  // out [count, k, out_dim] = the sums over all chunks.
  void finish(void* out) {
    parallel_for(count, call.threads, [&](int64_t m) {
      char* const to = call.at(out, m * k * call.out_dim);
      for (int64_t c = 1; c < chunks; ++c) HEDDLE_PICK(relational_add)(at(c, m), k * call.width, at(0, m), call.dtype);
      for (int64_t i = 0; i < k; ++i) {
        const size_t bytes = static_cast<size_t>(call.out_dim * call.bytes);
        if (chunks)
          std::memcpy(call.at(to, i * call.out_dim), call.at(at(0, m), i * call.width), bytes);
        else
          std::memset(call.at(to, i * call.out_dim), 0, bytes);
      }
    });
  }

 private:
  char* at(int64_t chunk, int64_t matrix) const { return memory.data() + bytes(call, chunk * count + matrix, k); }
  const Call& call;
  int64_t count, k, chunks;
  Memory memory;
};

}  // namespace heddle
