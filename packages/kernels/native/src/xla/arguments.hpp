// The operands of custom calls as arguments of the C functions: those that the functions of both libraries begin with.
// Operands are those of heddle_kernels.jax; absent ones are of size 0, as attributes say.
#pragma once
#include <tuple>

#include "call.hpp"

namespace heddle {

// function(*arguments, more...).
template <class F, class... A, class... More> int call_with(F* function, const std::tuple<A...>& arguments, More... more) {
  return std::apply(function, std::tuple_cat(arguments, std::make_tuple(more...)));
}

// An operand that an attribute says is there.
inline const void* given(const Call& call, const char* attribute, int64_t i) {
  return call.attribute(attribute) ? call.in(i).data : nullptr;
}

// indptr, ids, perm, weight, x -> out; `counted` (no ids), `permuted`, `weighted`, `reduce`.
inline auto spmm_arguments(const Call& call) {
  const XLA_FFI_Buffer &indptr = call.in(0), &ids = call.in(1), &weight = call.in(3), &x = call.in(4);
  const bool weighted = call.attribute("weighted") != 0, counted = call.attribute("counted") != 0;
  const int64_t heads = weighted ? columns_of(weight) : 1, edges = counted ? rows_of(x) : rows_of(ids);
  const int64_t width = weighted ? columns_of(x, weight.rank) : columns_of(x);
  const void* const places = counted ? nullptr : ids.data;
  return std::make_tuple(static_cast<const void*>(indptr.data), places, given(call, "permuted", 2), given(call, "weighted", 3),
                         x.data, call.out(0).data, rows_of(indptr) - 1, edges, rows_of(x), heads, width, dtype_of(x),
                         index_of(indptr), call.attribute("reduce"));
}

// indptr, ids, a, b -> out; `combine`.
inline auto sddmm_arguments(const Call& call) {
  const XLA_FFI_Buffer &indptr = call.in(0), &ids = call.in(1), &a = call.in(2), &b = call.in(3);
  const int64_t combine = call.attribute("combine");
  const int64_t width = combine == HEDDLE_ADD ? columns_of(b) : b.dims[b.rank - 1];
  const int64_t heads = combine == HEDDLE_ADD ? 1 : columns_of(call.out(0));
  return std::make_tuple(indptr.data, ids.data, a.data, b.data, call.out(0).data, rows_of(indptr) - 1, rows_of(ids), rows_of(b),
                         heads, width, dtype_of(b), index_of(indptr), combine);
}

// indptr, ids, perm, weight, x, top, factor, value -> out; `permuted`, `weighted`, `factored`, `valued`, `transposed`.
inline auto spmm_top_arguments(const Call& call) {
  const XLA_FFI_Buffer &indptr = call.in(0), &ids = call.in(1), &weight = call.in(3), &x = call.in(4), &top = call.in(5);
  const bool weighted = call.attribute("weighted") != 0;
  const int64_t transposed = call.attribute("transposed") != 0;
  const int64_t heads = weighted ? columns_of(weight) : 1, width = weighted ? columns_of(x, weight.rank) : columns_of(x);
  return std::make_tuple(indptr.data, ids.data, given(call, "permuted", 2), given(call, "weighted", 3), x.data, top.data,
                         given(call, "factored", 6), given(call, "valued", 7), call.out(0).data, rows_of(indptr) - 1,
                         rows_of(ids), transposed ? rows_of(top) : rows_of(x), heads, width, transposed, dtype_of(x),
                         index_of(indptr));
}

// indptr, ids, weight, x, top, a, b -> out; `transposed`.
inline auto sddmm_top_arguments(const Call& call) {
  const XLA_FFI_Buffer &indptr = call.in(0), &ids = call.in(1), &weight = call.in(2), &x = call.in(3), &top = call.in(4);
  const int64_t transposed = call.attribute("transposed") != 0;
  return std::make_tuple(indptr.data, ids.data, weight.data, x.data, top.data, call.in(5).data, call.in(6).data,
                         call.out(0).data, rows_of(indptr) - 1, rows_of(ids), transposed ? rows_of(top) : rows_of(x),
                         columns_of(weight), columns_of(x, weight.rank), transposed, dtype_of(x), index_of(indptr));
}

// ids, x -> out; `row_bytes`.
inline auto gather_arguments(const Call& call) {
  const XLA_FFI_Buffer &ids = call.in(0), &x = call.in(1);
  return std::make_tuple(ids.data, x.data, call.out(0).data, rows_of(ids), rows_of(x), call.attribute("row_bytes"), index_of(ids));
}

// sizes, lhs, rhs -> out; `transposed`.
inline auto segment_matmul_arguments(const Call& call) {
  const XLA_FFI_Buffer &sizes = call.in(0), &lhs = call.in(1), &rhs = call.in(2), &out = call.out(0);
  return std::make_tuple(lhs.data, rhs.data, static_cast<const void*>(nullptr), sizes.data, out.data, rows_of(lhs), rows_of(rhs),
                         lhs.dims[1], out.dims[1], call.attribute("transposed"), dtype_of(lhs), index_of(sizes));
}

// sizes, lhs, rhs -> out.
inline auto segment_outer_arguments(const Call& call) {
  const XLA_FFI_Buffer &sizes = call.in(0), &lhs = call.in(1), &rhs = call.in(2);
  return std::make_tuple(lhs.data, rhs.data, sizes.data, call.out(0).data, rows_of(lhs), rows_of(sizes), lhs.dims[1],
                         rhs.dims[1], dtype_of(lhs), index_of(sizes));
}

}  // namespace heddle
