// The C interface of cells: each step is its products and its pointwise part.
#include "heddle_cell.h"

#include "products.hpp"

using namespace heddle;

extern "C" int heddle_lstm_step(const void* base, int64_t shared, const void* const* terms, const void* const* matrices,
                                const int64_t* widths, int64_t count, const void* cell, const void* peephole,
                                void* gates, void* new_cell, void* h, int64_t rows, int64_t hidden, int64_t dtype,
                                int64_t threads) {
  return guarded("lstm_step", [&] {
    const Products p{"lstm_step", terms, matrices, widths, count, rows, 4 * hidden, dtype, threads};
    if (int status = check(p, {base, cell, peephole, gates, new_cell, h})) return status;
    const Lstm op{gates, cell, peephole, new_cell, h, hidden};
    return forward(p, base, shared != 0, gates,
                   [&](int64_t first, int64_t last) { HEDDLE_PICK(lstm_rows)(op, first, last, dtype); });
  });
}

extern "C" int heddle_lstm_step_grad(const void* gates, const void* cell, const void* new_cell, const void* peephole,
                                     const void* grad_h, const void* grad_new_cell, const void* const* terms,
                                     const void* const* matrices, const int64_t* widths, int64_t count, void* grad_base,
                                     void* grad_bias, void* const* grad_terms, void* const* grad_matrices,
                                     void* grad_cell, void* grad_peephole, int64_t rows, int64_t hidden, int64_t dtype,
                                     int64_t threads) {
  return guarded("lstm_step_grad", [&] {
    const Products p{"lstm_step_grad", terms, matrices, widths, count, rows, 4 * hidden, dtype, threads};
    if (int status = check(p, {gates, cell, new_cell, peephole, grad_h, grad_new_cell, grad_base, grad_bias, grad_cell,
                               grad_peephole}))
      return status;
    const LstmGrad op{gates, cell, new_cell, peephole, grad_h, grad_new_cell, grad_cell, hidden};
    const int64_t bytes = p.bytes();
    const std::unique_ptr<char[]> sums(new char[static_cast<size_t>(7 * hidden * bytes + 1)]);
    const int status = backward(p, {grad_base, grad_bias, grad_terms, grad_matrices}, 7 * hidden, sums.get(),
                                [&](int64_t first, int64_t last, void* to, void* total) {
                                  HEDDLE_PICK(lstm_grad_rows)(op, first, last, dtype, to, total);
                                });
    if (status) return status;
    if (grad_bias) std::memcpy(grad_bias, sums.get(), static_cast<size_t>(4 * hidden * bytes));
    if (grad_peephole) std::memcpy(grad_peephole, sums.get() + 4 * hidden * bytes, static_cast<size_t>(3 * hidden * bytes));
    return static_cast<int>(HEDDLE_OK);
  });
}

extern "C" int heddle_gru_gates(const void* base, int64_t shared, const void* const* terms, const void* const* matrices,
                                const int64_t* widths, int64_t count, const void* h, void* gates, void* reset,
                                int64_t rows, int64_t hidden, int64_t dtype, int64_t threads) {
  return guarded("gru_gates", [&] {
    const Products p{"gru_gates", terms, matrices, widths, count, rows, 2 * hidden, dtype, threads};
    if (int status = check(p, {base, h, gates, reset})) return status;
    const GruGates op{gates, h, reset, hidden};
    return forward(p, base, shared != 0, gates,
                   [&](int64_t first, int64_t last) { HEDDLE_PICK(gru_gates_rows)(op, first, last, dtype); });
  });
}

extern "C" int heddle_gru_gates_grad(const void* gates, const void* h, const void* grad_reset, const void* grad_z,
                                     const void* const* terms, const void* const* matrices, const int64_t* widths,
                                     int64_t count, void* grad_base, void* grad_bias, void* const* grad_terms,
                                     void* const* grad_matrices, void* grad_h, int64_t rows, int64_t hidden,
                                     int64_t dtype, int64_t threads) {
  return guarded("gru_gates_grad", [&] {
    const Products p{"gru_gates_grad", terms, matrices, widths, count, rows, 2 * hidden, dtype, threads};
    if (int status = check(p, {gates, h, grad_reset, grad_z, grad_base, grad_bias, grad_h})) return status;
    const GruGatesGrad op{gates, h, grad_reset, grad_z, grad_h, hidden};
    return backward(p, {grad_base, grad_bias, grad_terms, grad_matrices}, 2 * hidden, grad_bias,
                    [&](int64_t first, int64_t last, void* to, void* total) {
                      HEDDLE_PICK(gru_gates_grad_rows)(op, first, last, dtype, to, total);
                    });
  });
}

extern "C" int heddle_gru_output(const void* base, int64_t shared, const void* const* terms, const void* const* matrices,
                                 const int64_t* widths, int64_t count, const void* z, int64_t z_stride, const void* h,
                                 void* candidate, void* out, int64_t rows, int64_t hidden, int64_t dtype,
                                 int64_t threads) {
  return guarded("gru_output", [&] {
    const Products p{"gru_output", terms, matrices, widths, count, rows, hidden, dtype, threads};
    if (int status = check(p, {base, z, h, candidate, out})) return status;
    const GruOutput op{candidate, z, z_stride, h, out, hidden};
    return forward(p, base, shared != 0, candidate,
                   [&](int64_t first, int64_t last) { HEDDLE_PICK(gru_output_rows)(op, first, last, dtype); });
  });
}

extern "C" int heddle_gru_output_grad(const void* candidate, const void* z, int64_t z_stride, const void* h,
                                      const void* grad_out, const void* const* terms, const void* const* matrices,
                                      const int64_t* widths, int64_t count, void* grad_base, void* grad_bias,
                                      void* const* grad_terms, void* const* grad_matrices, void* grad_z, void* grad_h,
                                      int64_t rows, int64_t hidden, int64_t dtype, int64_t threads) {
  return guarded("gru_output_grad", [&] {
    const Products p{"gru_output_grad", terms, matrices, widths, count, rows, hidden, dtype, threads};
    if (int status = check(p, {candidate, z, h, grad_out, grad_base, grad_bias, grad_z, grad_h})) return status;
    const GruOutputGrad op{candidate, z, z_stride, h, grad_out, grad_z, grad_h, hidden};
    return backward(p, {grad_base, grad_bias, grad_terms, grad_matrices}, hidden, grad_bias,
                    [&](int64_t first, int64_t last, void* to, void* total) {
                      HEDDLE_PICK(gru_output_grad_rows)(op, first, last, dtype, to, total);
                    });
  });
}
