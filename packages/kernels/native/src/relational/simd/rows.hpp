// What the loops of this folder share: rows by number or by id, and tiles of them that fill the registers.
#pragma once
#include <type_traits>

#include "../../simd/simd.hpp"
#include "kernels.hpp"

namespace heddle {
namespace HEDDLE_ISA {

// Most vectors in a panel, and rows in a tile by the vectors of its panel: as many as the registers hold. Tiles of sums
// are powers of two, as the columns of features are.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int PANEL = 4;
constexpr int TILE[] = {0, 12, 10, 6, 6};
constexpr int SUMS[] = {0, 16, 8, 4, 4};
#else
constexpr int PANEL = 2;
constexpr int TILE[] = {0, 8, 6};
constexpr int SUMS[] = {0, 8, 4};
#endif

// Have the compiler address what follows from this pointer by constants, instead of from sums that it keeps in registers.
template <class A> HEDDLE_INLINE void keep_base(const A*& pointer) { asm volatile("" : "+r"(pointer)); }

// Where row i of a matrix begins.
template <class A> struct RowAt {
  A* data;
  int64_t stride;
  Ids ids;
  int64_t first;
  RowAt(const Rows& rows, int64_t index)
      : data(static_cast<A*>(const_cast<void*>(rows.data))), stride(rows.stride), ids(rows.ids, index), first(rows.first) {}
  HEDDLE_INLINE A* operator()(int64_t i) const { return data + ids[i - first] * stride; }
};

// Call body(integral_constant N) for a panel of `vectors` vectors, at most PANEL.
template <class F> HEDDLE_INLINE void with_vectors(int64_t vectors, F&& body) {
  if constexpr (PANEL == 4) {
    if (vectors == 4) return body(std::integral_constant<int, 4>{});
    if (vectors == 3) return body(std::integral_constant<int, 3>{});
  }
  if (vectors == 2) return body(std::integral_constant<int, 2>{});
  body(std::integral_constant<int, 1>{});
}

// Call body(integral_constant, first row) over `rows` rows in tiles of R, then of 4, then single ones.
template <int R, class F> HEDDLE_INLINE void with_tiles(int64_t rows, F&& body) {
  int64_t r = 0;
  for (; r + R <= rows; r += R) body(std::integral_constant<int, R>{}, r);
  for (; r + 4 <= rows; r += 4) body(std::integral_constant<int, 4>{}, r);
  for (; r < rows; ++r) body(std::integral_constant<int, 1>{}, r);
}

// Call body(A{}) for the float type that `dtype` names.
template <class F> HEDDLE_INLINE void with_value(int64_t dtype, F&& body) {
  dtype == HEDDLE_FLOAT64 ? body(double{}) : body(float{});
}

// Store the first `columns` lanes.
template <class A, int W> HEDDLE_INLINE void store_some(A* to, vec<A, W> v, int64_t columns) {
  if (columns >= W) return store<W>(to, v);
  A lane[W];
  std::memcpy(lane, &v, sizeof lane);
  for (int64_t j = 0; j < columns; ++j) to[j] = lane[j];
}

template <class A, int W> HEDDLE_INLINE vec<A, W> load_some(const A* from, int64_t columns) {
  if (columns >= W) return load<W>(from);
  A lane[W] = {};
  for (int64_t j = 0; j < columns; ++j) lane[j] = from[j];
  return read<A, W>(lane);
}

}  // namespace HEDDLE_ISA
}  // namespace heddle
