// Problems as the grouped kernels read them: an array for each field, in the caller's workspace.
#pragma once
#include <type_traits>

#include "problem.hpp"

namespace heddle::cuda {

struct Arrays {
  const void **a, **b, **c;
  void** d;
  int64_t *lda, *ldb, *ldc, *ldd;
  int64_t* offsets;  // [groups + 1], where each group's rows begin
  int32_t* sizes;    // [groups, 3]: m, n, k
};

constexpr int64_t ALIGNED = 256;  // bytes that each array starts at a multiple of

// Lay the arrays out from `base`; returns the bytes they take.
HEDDLE_HD int64_t carve(char* base, int64_t groups, Arrays& arrays) {
  int64_t at = 0;
  const auto take = [&](auto*& field, int64_t bytes) {
    field = reinterpret_cast<std::remove_reference_t<decltype(field)>>(reinterpret_cast<uintptr_t>(base) + at);
    at += (bytes + ALIGNED - 1) / ALIGNED * ALIGNED;
  };
  take(arrays.a, 8 * groups);
  take(arrays.b, 8 * groups);
  take(arrays.c, 8 * groups);
  take(arrays.d, 8 * groups);
  take(arrays.lda, 8 * groups);
  take(arrays.ldb, 8 * groups);
  take(arrays.ldc, 8 * groups);
  take(arrays.ldd, 8 * groups);
  take(arrays.offsets, 8 * (groups + 1));
  take(arrays.sizes, 12 * groups);
  return at;
}

HEDDLE_HD void put(const Arrays& to, int64_t g, const Problem& p) {
  to.a[g] = p.a;
  to.b[g] = p.b;
  to.c[g] = p.c;
  to.d[g] = p.d;
  to.lda[g] = p.lda;
  to.ldb[g] = p.ldb;
  to.ldc[g] = p.ldc;
  to.ldd[g] = p.ldd;
  to.sizes[3 * g] = p.m;
  to.sizes[3 * g + 1] = p.n;
  to.sizes[3 * g + 2] = p.k;
}

}  // namespace heddle::cuda
