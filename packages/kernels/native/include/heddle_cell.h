// Steps of recurrent cells with their matrix products, forward and backward. Conventions as in heddle_kernels.h; dtype
// is float32 or float64.
//
// Every step starts with gates = base + sum over k < count of terms[k] matrices[k]: terms[k] [rows, widths[k]],
// matrices[k] [widths[k], gates * hidden], base [rows, gates * hidden], or [gates * hidden] for all rows if `shared`.
// `gates` then becomes what the gates let through, which the gradient reads; it may be the memory of base.
//
// A gradient gives grad_base [rows, gates * hidden], grad_bias [gates * hidden] (its sum over rows), grad_terms[k] and
// grad_matrices[k] of the shapes above; any of them may be NULL, where nothing asks for it. Sums over rows don't depend
// on the number of threads.
//
// Printed by `python -m heddle_kernels.calls` from heddle_kernels/calls: edit it there.
#ifndef HEDDLE_CELL_H
#define HEDDLE_CELL_H

#include "heddle_kernels.h"

#if defined(__cplusplus)
extern "C" {
#endif

// An LSTM of the gates i, f, c, o, with peephole [3, hidden] for i, f, o or NULL, and cell [rows, hidden]
// or NULL for 0: i, f = s(. + p cell), new_cell = f cell + i tanh(.), o = s(. + p new_cell), h = o
// tanh(new_cell).
HEDDLE_API int heddle_lstm_step(const void* base, int64_t shared, const void* const* terms, const void* const* matrices,
                                const int64_t* widths, int64_t count, const void* cell, const void* peephole, void* gates,
                                void* new_cell, void* h, int64_t rows, int64_t hidden, int64_t dtype, int64_t threads);

// From grad_h and grad_new_cell, either NULL for 0. grad_cell and grad_peephole may be NULL.
HEDDLE_API int heddle_lstm_step_grad(const void* gates, const void* cell, const void* new_cell, const void* peephole,
                                     const void* grad_h, const void* grad_new_cell, const void* const* terms,
                                     const void* const* matrices, const int64_t* widths, int64_t count, void* grad_base,
                                     void* grad_bias, void* const* grad_terms, void* const* grad_matrices, void* grad_cell,
                                     void* grad_peephole, int64_t rows, int64_t hidden, int64_t dtype, int64_t threads);

// The gates r, z = s(.) of a GRU, and reset = r h. h and reset are NULL for a state of 0.
HEDDLE_API int heddle_gru_gates(const void* base, int64_t shared, const void* const* terms, const void* const* matrices,
                                const int64_t* widths, int64_t count, const void* h, void* gates, void* reset, int64_t rows,
                                int64_t hidden, int64_t dtype, int64_t threads);

// From grad_reset and grad_z, either NULL for 0. grad_h may be NULL.
HEDDLE_API int heddle_gru_gates_grad(const void* gates, const void* h, const void* grad_reset, const void* grad_z,
                                     const void* const* terms, const void* const* matrices, const int64_t* widths,
                                     int64_t count, void* grad_base, void* grad_bias, void* const* grad_terms,
                                     void* const* grad_matrices, void* grad_h, int64_t rows, int64_t hidden, int64_t dtype,
                                     int64_t threads);

// The state of a GRU after them: out = z h + (1 - z) c with c = tanh(.), kept in `candidate`. Rows of z are
// z_stride elements apart; h NULL is 0.
HEDDLE_API int heddle_gru_output(const void* base, int64_t shared, const void* const* terms, const void* const* matrices,
                                 const int64_t* widths, int64_t count, const void* z, int64_t z_stride, const void* h,
                                 void* candidate, void* out, int64_t rows, int64_t hidden, int64_t dtype, int64_t threads);

// From grad_out. grad_z [rows, hidden] and grad_h may be NULL.
HEDDLE_API int heddle_gru_output_grad(const void* candidate, const void* z, int64_t z_stride, const void* h,
                                      const void* grad_out, const void* const* terms, const void* const* matrices,
                                      const int64_t* widths, int64_t count, void* grad_base, void* grad_bias,
                                      void* const* grad_terms, void* const* grad_matrices, void* grad_z, void* grad_h,
                                      int64_t rows, int64_t hidden, int64_t dtype, int64_t threads);

#if defined(__cplusplus)
}
#endif
#endif
