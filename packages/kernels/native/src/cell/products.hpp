// The products of a cell's step in blocks of rows that stay in cache from the gates to what becomes of them, and back.
#pragma once
#include <atomic>
#include <cstring>
#include <memory>
#include <vector>

#include "../scratch.hpp"
#include "../simd/kernels.hpp"
#include "cell.hpp"

namespace heddle {

constexpr int64_t BLOCK_VALUES = 1 << 15;  // of the gates of a block of rows
constexpr int64_t PARTS = 16, PART_ROWS = 1024;  // sums over rows: at most so many, each of at least so many rows

// The products of a step; `width` is gates * hidden.
struct Products {
  const char* name;
  const void* const* terms;
  const void* const* matrices;
  const int64_t* widths;
  int64_t count;
  int64_t rows;
  int64_t width;
  int64_t dtype;
  int64_t threads;

  int64_t bytes() const { return dtype == HEDDLE_FLOAT64 ? 8 : 4; }
  int64_t block() const {
    const int64_t rows = width > 0 ? BLOCK_VALUES / width : BLOCK_VALUES;
    return rows < 16 ? 16 : rows;
  }
  int64_t widest() const {
    int64_t most = width;
    for (int64_t k = 0; k < count; ++k) most = widths[k] > most ? widths[k] : most;
    return most;
  }
  // Threads worth starting for the work there is.
  int64_t worth() const {
    double work = 16.0 * static_cast<double>(rows) * static_cast<double>(width);
    for (int64_t k = 0; k < count; ++k)
      work += static_cast<double>(rows) * static_cast<double>(width) * static_cast<double>(widths[k]);
    return work < 1 << 20 ? 1 : threads;
  }
};

inline int check(const Products& p, std::initializer_list<const void*> arrays) {
  if (int status = check_code(p.name, "dtype", p.dtype, HEDDLE_FLOAT64, "float32 or float64")) return status;
  if (int status = check_sizes(p.name, {p.rows, p.width, p.count})) return status;
  if (int status = check_values(p.name, arrays, p.dtype)) return status;
  for (int64_t k = 0; k < p.count; ++k) {
    if (int status = check_sizes(p.name, {p.widths[k]})) return status;
    if (int status = check_values(p.name, {p.terms[k], p.matrices[k]}, p.dtype)) return status;
  }
  return HEDDLE_OK;
}

inline int starved(const char* name) {
  return fail(HEDDLE_MEMORY, "%s: found no memory for its workspace, expected some; use smaller inputs", name);
}

inline const void* row(const void* array, int64_t at, int64_t width, int64_t bytes) {
  return static_cast<const char*>(array) + at * width * bytes;
}
inline void* row(void* array, int64_t at, int64_t width, int64_t bytes) {
  return static_cast<char*>(array) + at * width * bytes;
}

// gates = base + products, block by block, each followed by finish(first, last).
template <class F> int forward(const Products& p, const void* base, bool shared, void* gates, F&& finish) {
  const int64_t block = p.block(), bytes = p.bytes();
  std::atomic<bool> lacking{false};
  parallel_for((p.rows + block - 1) / block, p.worth(), [&](int64_t task) {
    const int64_t first = task * block, last = first + block < p.rows ? first + block : p.rows;
    void* const memory = scratch(HEDDLE_PICK(matmul_scratch)({nullptr, nullptr, nullptr, nullptr, 0, p.widest(), p.width, false},
                                                             last - first, p.dtype) * bytes);
    if (!memory) return lacking.store(true, std::memory_order_relaxed);
    bool there = false;  // whether gates hold anything yet
    if (!shared) {
      if (base != gates)
        std::memcpy(row(gates, first, p.width, bytes), row(base, first, p.width, bytes),
                    static_cast<size_t>((last - first) * p.width * bytes));
      there = true;
    }
    for (int64_t k = 0; k < p.count; ++k, there = true)
      HEDDLE_PICK(matmul_rows)
    ({p.terms[k], p.matrices[k], there ? nullptr : base, gates, p.rows, p.widths[k], p.width, false, there}, first, last,
     p.dtype, memory);
    for (int64_t r = first; !there && r < last; ++r)
      std::memcpy(row(gates, r, p.width, bytes), base, static_cast<size_t>(p.width * bytes));
    finish(first, last);
  });
  return lacking ? starved(p.name) : HEDDLE_OK;
}

// What a gradient is asked for; any may be NULL.
struct Wanted {
  void* base;
  void* bias;
  void* const* terms;
  void* const* matrices;
};

// From slopes(first, last, to, sums), which writes the gradient of a block's gates to `to` and adds its sums over rows to
// `sums` [sum_width], the gradients of all that went into the gates; sums over all rows go to sum_to [sum_width].
template <class F> int backward(const Products& p, const Wanted& wanted, int64_t sum_width, void* sum_to, F&& slopes) {
  const int64_t block = p.block(), bytes = p.bytes(), lanes = HEDDLE_PICK(matmul_lanes)(p.dtype);
  const int64_t most = p.rows / PART_ROWS, parts = most < 1 ? 1 : most > PARTS ? PARTS : most;
  const int64_t padded = (p.width + lanes - 1) / lanes * lanes;
  std::vector<int64_t> offset(static_cast<size_t>(p.count + 1));  // of the sums of each matrix
  for (int64_t k = 0; k < p.count; ++k)
    offset[k + 1] = offset[k] + (wanted.matrices[k] ? parts * p.widths[k] * padded * bytes : 0);
  // Zeroed: every part adds to its own.
  const std::unique_ptr<char, decltype(&std::free)> outers(
      static_cast<char*>(std::calloc(static_cast<size_t>(offset.back() + 1), 1)), &std::free);
  const std::unique_ptr<char, decltype(&std::free)> sums(
      static_cast<char*>(std::calloc(static_cast<size_t>(parts * sum_width * bytes + 1), 1)), &std::free);
  // The matrices transposed: read along their rows, they pack by whole vectors.
  std::vector<std::unique_ptr<char[]>> turned(static_cast<size_t>(p.count));
  if (!outers || !sums) return starved(p.name);
  for (int64_t k = 0; k < p.count; ++k)
    if (wanted.terms[k]) {
      turned[k].reset(new char[static_cast<size_t>(p.widths[k] * p.width * bytes + 1)]);
      const auto turn = [&](auto tag) {
        using A = untag<decltype(tag)>;
        const A* const from = static_cast<const A*>(p.matrices[k]);
        A* const to = reinterpret_cast<A*>(turned[k].get());
        for (int64_t i = 0; i < p.widths[k]; ++i)
          for (int64_t j = 0; j < p.width; ++j) to[j * p.widths[k] + i] = from[i * p.width + j];
      };
      p.dtype == HEDDLE_FLOAT64 ? turn(Tag<double>{}) : turn(Tag<float>{});
    }
  std::atomic<bool> lacking{false};
  parallel_for(parts, p.worth(), [&](int64_t part) {
    const int64_t begin = p.rows * part / parts, end = p.rows * (part + 1) / parts;
    const int64_t workspace = HEDDLE_PICK(matmul_scratch)({nullptr, nullptr, nullptr, nullptr, 0, p.widest(), p.widest(), false},
                                                          block, p.dtype) * bytes;
    char* const memory = static_cast<char*>(scratch(workspace + block * p.width * bytes));
    if (!memory) return lacking.store(true, std::memory_order_relaxed);
    char* const grads = memory + workspace;
    for (int64_t first = begin; first < end; first += block) {
      const int64_t last = first + block < end ? first + block : end, rows = last - first;
      slopes(first, last, grads, sums.get() + part * sum_width * bytes);
      if (wanted.base)
        std::memcpy(row(wanted.base, first, p.width, bytes), grads, static_cast<size_t>(rows * p.width * bytes));
      for (int64_t k = 0; k < p.count; ++k) {
        const int64_t width = p.widths[k];
        if (wanted.terms[k])
          HEDDLE_PICK(matmul_rows)
        ({grads, turned[k].get(), nullptr, row(wanted.terms[k], first, width, bytes), rows, p.width, width, false}, 0, rows,
         p.dtype, memory);
        if (wanted.matrices[k])
          HEDDLE_PICK(outer_rows)
        ({row(p.terms[k], first, width, bytes), grads, nullptr, nullptr, rows, width, p.width, false, true}, 0, rows, p.dtype,
         memory, outers.get() + offset[k] + part * width * padded * bytes);
      }
    }
  });
  if (lacking) return starved(p.name);
  parallel_for(p.count, p.worth(), [&](int64_t k) {
    if (wanted.matrices[k])
      HEDDLE_PICK(outer_finish)
    ({nullptr, nullptr, nullptr, wanted.matrices[k], p.rows, p.widths[k], p.width, false}, outers.get() + offset[k], parts,
     p.dtype);
  });
  const auto total = [&](auto tag) {
    using A = untag<decltype(tag)>;
    const A* const all = reinterpret_cast<const A*>(sums.get());
    for (int64_t i = 0; sum_to && i < sum_width; ++i) {
      A sum = 0;
      for (int64_t part = 0; part < parts; ++part) sum += all[part * sum_width + i];
      static_cast<A*>(sum_to)[i] = sum;
    }
  };
  p.dtype == HEDDLE_FLOAT64 ? total(Tag<double>{}) : total(Tag<float>{});
  return HEDDLE_OK;
}

}  // namespace heddle
