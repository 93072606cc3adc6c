// One product of a group: D [m, n] = A [m, k] B [k, n] + C, from the caller's arrays.
#pragma once
#include "../hd.hpp"
#include "../heddle_cuda.h"

namespace heddle::cuda {

struct Problem {
  int32_t m = 0, n = 0, k = 0;  // all 0 for a product with nothing to do
  const void *a = nullptr, *b = nullptr, *c = nullptr;
  void* d = nullptr;
  int64_t lda = 0, ldb = 0, ldc = 0, ldd = 0;
};

// The same arrays for all groups, which differ by their rows.
struct Segments {
  const char *lhs, *rhs, *bias;
  char* out;
  int64_t k, m;  // columns of lhs, and of out
  int32_t mode;
  int32_t element;  // bytes
};

// One pair of matrices, n x k and what its mode says; k and m as in heddle_grouped_matmul.
HEDDLE_HD Problem pair_problem(const void* lhs, const void* rhs, const void* bias, void* out, int64_t n, int64_t k,
                               int64_t m, int32_t mode) {
  Problem p;
  if (mode == HEDDLE_OUTER) {
    p.m = static_cast<int32_t>(k);
    p.n = static_cast<int32_t>(m);
    p.k = static_cast<int32_t>(n);
  } else {
    p.m = static_cast<int32_t>(n);
    p.n = static_cast<int32_t>(m);
    p.k = static_cast<int32_t>(k);
  }
  if (p.m == 0 || p.n == 0 || p.k == 0) p.m = p.n = p.k = 0;
  p.a = lhs;
  p.b = rhs;
  p.c = bias ? bias : out;
  p.d = out;
  p.lda = k;
  p.ldb = mode == HEDDLE_TRANSPOSED ? k : m;
  p.ldc = bias ? 0 : m;  // a bias is a matrix whose rows are one
  p.ldd = m;
  return p;
}

// Group g with rows [begin, end).
HEDDLE_HD Problem segment_problem(const Segments& of, int64_t g, int64_t begin, int64_t end) {
  const int64_t matrix = g * of.k * of.m * of.element;
  const char* const lhs = of.lhs + begin * of.k * of.element;
  if (of.mode == HEDDLE_OUTER)
    return pair_problem(lhs, of.rhs + begin * of.m * of.element, nullptr, of.out + matrix, end - begin, of.k, of.m,
                        of.mode);
  return pair_problem(lhs, of.rhs + matrix, of.bias ? of.bias + g * of.m * of.element : nullptr,
                      of.out + begin * of.m * of.element, end - begin, of.k, of.m, of.mode);
}

// A group's size as it counts: what is negative counts as 0.
HEDDLE_HD int64_t checked_size(int64_t size, int64_t g, int64_t n, int64_t* fault) {
  if (size >= 0) return size;
  note(fault, HEDDLE_FAULT_SIZE, g, size, n + 1);
  return 0;
}

HEDDLE_HD int64_t clamped(int64_t row, int64_t n) { return row < n ? row : n; }

}  // namespace heddle::cuda
