// What relational/simd offers: the four loops that a sum over relations and its gradient are made of, compiled once for
// each instruction set. Values are float or double, all of one call alike; ids are of type `index`.
#pragma once
#include "../../csr.hpp"
#include "../../isa.hpp"

namespace heddle {

constexpr int64_t BLOCK = 64;  // most rows in a block: at usual widths a column of them fits in the nearest cache

// Rows of a matrix: row i is data + (ids ? ids[i - first] : i - first) * stride.
struct Rows {
  const void* data;
  int64_t stride;
  const void* ids;
  int64_t first;
};

// `groups` matrices of [k, columns] (or, `transposed`, [columns, k]), side by side, each padded with zeros to `width`
// columns, in panels: k * width * groups values.
struct Packing {
  const void* const* matrices;
  int64_t k;
  int64_t columns;
  bool transposed;
  int64_t width;
  int64_t groups;
  void* to;
  int64_t dtype;
};

// out[i] = (out[i] if `add`) + start + scale[i] * lhs[i] B, for B [k, width] packed in panels. Columns fall into groups of
// `group` vectors; group g of row i is out.data + g * group_stride + row i of out. `columns` of a row are stored.
struct RowProduct {
  Rows lhs;
  const void* packed;
  int64_t k;
  int64_t width;  // a whole number of vectors
  Rows out;
  int64_t group;
  int64_t group_stride;
  int64_t columns;
  const void* start;  // [width], or NULL for zeros
  const void* scale;  // or NULL for ones
  bool add;
  int64_t dtype;
  int64_t index;
};

// out[i] = (out[i] if `add`) + scale[i] * sum over j in [begin[i], end[i]) of weight[perm[j]] data[ids[j] - first].
struct RowGather {
  const void* begin;
  const void* end;
  const void* ids;
  int64_t edges;  // length of ids
  int64_t first;
  const void* weight;  // or NULL for ones
  const void* perm;    // or NULL for j itself
  const void* data;
  int64_t stride;
  int64_t columns;  // of data and of out
  const void* scale;
  Rows out;
  bool add;
  int64_t dtype;
  int64_t index;
};

// Row i of `to` [.., width] = scale[i] * row i of `from`; width is a whole number of vectors.
struct RowScale {
  Rows from;
  int64_t width;
  const void* scale;  // or NULL for ones
  void* to;
  int64_t dtype;
  int64_t index;
};

// Rows of `columns` values between dense arrays and arrays of `width`, whole vectors: to = max(from + more, 0 if `relu`), or,
// with `gate`, from where gate > 0 and 0 elsewhere. more and gate are dense, or NULL.
struct RowCopy {
  const void* from;
  int64_t from_stride;
  void* to;
  int64_t to_stride;
  int64_t columns;
  const void* more;
  const void* gate;
  bool relu;
  int64_t dtype;
};

// sums [k, width] += sum over rows i of left[i] transposed times right[i]; width is a whole number of vectors, and as
// many columns of right are read.
struct RowOuter {
  Rows left;
  int64_t k;
  Rows right;
  int64_t width;
  void* sums;
  int64_t dtype;
  int64_t index;
};

// Rows [first, last) of the above; a RowOuter's are at most BLOCK.
#define HEDDLE_DECLARE(isa)                                                                                        \
  namespace isa {                                                                                                  \
  int64_t relational_lanes(int64_t dtype);                                                                         \
  void relational_pack(const Packing& p);                                                                          \
  /* Position in [first, last) of an id out of [low, high), or -1. */                                              \
  int64_t relational_outside(const void* ids, int64_t first, int64_t last, int64_t low, int64_t high, int64_t index); \
  void relational_product(const RowProduct& p, int64_t first, int64_t last);                                       \
  void relational_gather(const RowGather& g, int64_t first, int64_t last);                                         \
  void relational_copy(const RowCopy& c, int64_t first, int64_t last);                                             \
  void relational_scale(const RowScale& s, int64_t first, int64_t last);                                           \
  void relational_outer(const RowOuter& o, int64_t first, int64_t last);                                           \
  /* sums [count] += values [count], whole vectors. */                                                             \
  void relational_add(const void* values, int64_t count, void* sums, int64_t dtype);                               \
  }

HEDDLE_DECLARE(base)
#if defined(HEDDLE_X86)
HEDDLE_DECLARE(avx2)
HEDDLE_DECLARE(avx512)
#endif
#undef HEDDLE_DECLARE

}  // namespace heddle
