// What simd/ offers to the rest: one function per op, compiled once for each instruction set.
#pragma once
#include <cstdint>

#include "../csr.hpp"
#include "../isa.hpp"

namespace heddle {

// Fields as the arguments of heddle_spmm.
struct Spmm {
  Walk walk;
  const void* weight;
  const void* x;
  void* out;
  int64_t heads;
  int64_t width;
  int64_t dtype;
  int64_t reduce;
};

// Fields as the arguments of heddle_sddmm.
struct Sddmm {
  Walk walk;
  const void* a;
  const void* b;
  void* out;
  int64_t heads;
  int64_t width;
  int64_t dtype;
  int64_t combine;
};

// heddle_spmm_top, with a for `factor` and b for `value`, and heddle_sddmm_top.
struct Top {
  Walk walk;
  const void* weight;
  const void* x;
  const void* top;
  const void* a;
  const void* b;
  void* out;
  int64_t heads;
  int64_t width;
  int64_t dtype;
  bool transposed;
};

// Softmax of data [edges, width] down the rows of the walk, or, where grad is given, its gradient with data the softmax.
struct Softmax {
  Walk walk;
  const void* data;
  const void* grad;
  void* out;
  int64_t width;
  int64_t dtype;
};

// *_rows work on rows [first, last), whose ids and perm have been checked.
#define HEDDLE_DECLARE(isa)                                                                              \
  namespace isa {                                                                                        \
  /* Position in [first, last) of an id out of [0, bound), or -1. */                                     \
  int64_t bad_id(const void* ids, int64_t first, int64_t last, int64_t bound, int64_t index);                \
  void spmm_rows(const Spmm& op, int64_t first, int64_t last);                                           \
  void sddmm_rows(const Sddmm& op, int64_t first, int64_t last);                                         \
  void spmm_top_rows(const Top& op, int64_t first, int64_t last);                                        \
  void sddmm_top_rows(const Top& op, int64_t first, int64_t last);                                       \
  void softmax_rows(const Softmax& op, int64_t first, int64_t last);                                     \
  }

HEDDLE_DECLARE(base)
#if defined(HEDDLE_X86)
HEDDLE_DECLARE(avx2)
HEDDLE_DECLARE(avx512)
#endif
#undef HEDDLE_DECLARE


// Check the walk and run all rows of an op whose other arguments were checked; `name` goes into errors.
int spmm(const char* name, const Spmm& op, int64_t threads);

}  // namespace heddle
