// XLA handlers of the ops on a walk. Operands as in heddle_kernels.jax; absent ones are of size 0, as attributes say.
#include "call.hpp"

using namespace heddle;

// indptr, ids, perm, weight, x -> out; `counted` (no ids), `permuted`, `weighted`, `reduce`.
HEDDLE_XLA_HANDLER(heddle_xla_spmm) {
  return answer(frame, [](const Call& call) {
    const XLA_FFI_Buffer &indptr = call.in(0), &ids = call.in(1), &weight = call.in(3), &x = call.in(4);
    const bool weighted = call.attribute("weighted") != 0, counted = call.attribute("counted") != 0;
    const int64_t heads = weighted ? columns_of(weight) : 1, edges = counted ? rows_of(x) : rows_of(ids);
    const int64_t width = weighted ? columns_of(x, weight.rank) : columns_of(x);
    return heddle_spmm(indptr.data, counted ? nullptr : ids.data, call.attribute("permuted") ? call.in(2).data : nullptr,
                       weighted ? weight.data : nullptr, x.data, call.out(0).data, rows_of(indptr) - 1, edges, rows_of(x),
                       heads, width, dtype_of(x), index_of(indptr), call.attribute("reduce"), 0);
  });
}

// indptr, ids, a, b -> out; `combine`.
HEDDLE_XLA_HANDLER(heddle_xla_sddmm) {
  return answer(frame, [](const Call& call) {
    const XLA_FFI_Buffer &indptr = call.in(0), &ids = call.in(1), &a = call.in(2), &b = call.in(3);
    const int64_t combine = call.attribute("combine");
    const int64_t width = combine == HEDDLE_ADD ? columns_of(b) : b.dims[b.rank - 1];
    const int64_t heads = combine == HEDDLE_ADD ? 1 : columns_of(call.out(0));
    return heddle_sddmm(indptr.data, ids.data, a.data, b.data, call.out(0).data, rows_of(indptr) - 1, rows_of(ids),
                        rows_of(b), heads, width, dtype_of(b), index_of(indptr), combine, 0);
  });
}

// indptr, ids, perm, weight, x, top, factor, value -> out; `permuted`, `weighted`, `factored`, `valued`, `transposed`.
HEDDLE_XLA_HANDLER(heddle_xla_spmm_top) {
  return answer(frame, [](const Call& call) {
    const XLA_FFI_Buffer &indptr = call.in(0), &ids = call.in(1), &weight = call.in(3), &x = call.in(4), &top = call.in(5);
    const bool weighted = call.attribute("weighted") != 0, transposed = call.attribute("transposed") != 0;
    const int64_t heads = weighted ? columns_of(weight) : 1, width = weighted ? columns_of(x, weight.rank) : columns_of(x);
    const auto given = [&](const char* name, int64_t i) { return call.attribute(name) ? call.in(i).data : nullptr; };
    return heddle_spmm_top(indptr.data, ids.data, given("permuted", 2), given("weighted", 3), x.data, top.data,
                           given("factored", 6), given("valued", 7), call.out(0).data, rows_of(indptr) - 1, rows_of(ids),
                           transposed ? rows_of(top) : rows_of(x), heads, width, transposed, dtype_of(x),
                           index_of(indptr), 0);
  });
}

// indptr, ids, weight, x, top, a, b -> out; `transposed`.
HEDDLE_XLA_HANDLER(heddle_xla_sddmm_top) {
  return answer(frame, [](const Call& call) {
    const XLA_FFI_Buffer &indptr = call.in(0), &ids = call.in(1), &weight = call.in(2), &x = call.in(3), &top = call.in(4);
    const bool transposed = call.attribute("transposed") != 0;
    return heddle_sddmm_top(indptr.data, ids.data, weight.data, x.data, top.data, call.in(5).data, call.in(6).data,
                            call.out(0).data, rows_of(indptr) - 1, rows_of(ids), transposed ? rows_of(top) : rows_of(x),
                            columns_of(weight), columns_of(x, weight.rank), transposed, dtype_of(x), index_of(indptr), 0);
  });
}
