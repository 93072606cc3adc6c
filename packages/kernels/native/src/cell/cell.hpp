// What the pointwise part of each step reads and writes, and its rows, compiled once for each instruction set.
#pragma once
#include <cstdint>

#include "../isa.hpp"
#include "../types.hpp"

namespace heddle {

// Fields as the arguments in heddle_cell.h.
struct Lstm {
  void* gates;
  const void* cell;
  const void* peephole;
  void* new_cell;
  void* h;
  int64_t hidden;
};
struct LstmGrad {
  const void* gates;
  const void* cell;
  const void* new_cell;
  const void* peephole;
  const void* grad_h;
  const void* grad_new_cell;
  void* grad_cell;
  int64_t hidden;
};
struct GruGates {
  void* gates;
  const void* h;
  void* reset;
  int64_t hidden;
};
struct GruGatesGrad {
  const void* gates;
  const void* h;
  const void* grad_reset;
  const void* grad_z;
  void* grad_h;
  int64_t hidden;
};
struct GruOutput {
  void* candidate;
  const void* z;
  int64_t z_stride;
  const void* h;
  void* out;
  int64_t hidden;
};
struct GruOutputGrad {
  const void* candidate;
  const void* z;
  int64_t z_stride;
  const void* h;
  const void* grad_out;
  void* grad_z;
  void* grad_h;
  int64_t hidden;
};

// Rows [first, last) of a step; of a gradient, that of the gates goes to `to`, whose first row is `first`, and its sums
// over rows (of an LSTM, those of the peephole too, as three gates more) are added to `sums`.
#define HEDDLE_DECLARE(isa)                                                                              \
  namespace isa {                                                                                        \
  void lstm_rows(const Lstm& op, int64_t first, int64_t last, int64_t dtype);                            \
  void gru_gates_rows(const GruGates& op, int64_t first, int64_t last, int64_t dtype);                        \
  void gru_output_rows(const GruOutput& op, int64_t first, int64_t last, int64_t dtype);                       \
  void lstm_grad_rows(const LstmGrad& op, int64_t first, int64_t last, int64_t dtype, void* to, void* sums);      \
  void gru_gates_grad_rows(const GruGatesGrad& op, int64_t first, int64_t last, int64_t dtype, void* to, void* sums);  \
  void gru_output_grad_rows(const GruOutputGrad& op, int64_t first, int64_t last, int64_t dtype, void* to, void* sums); \
  }

HEDDLE_DECLARE(base)
#if defined(HEDDLE_X86)
HEDDLE_DECLARE(avx2)
HEDDLE_DECLARE(avx512)
#endif
#undef HEDDLE_DECLARE

}  // namespace heddle
