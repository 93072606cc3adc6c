// The operands of custom calls as arguments of the C functions: those that both libraries' begin with.
// Absent operands and unwanted results are of size 0, as attributes say.
//
// Printed by `python -m heddle_kernels.calls` from heddle_kernels/calls: edit it there.
#pragma once
#include <tuple>

#include "call.hpp"

namespace heddle {

inline constexpr void* NOTHING = nullptr;

// function(*arguments, more...).
template <class F, class... A, class... More>
int call_with(F* function, const std::tuple<A...>& arguments, More... more) {
  return std::apply(function, std::tuple_cat(arguments, std::make_tuple(more...)));
}

// indptr, ids, perm, weight, x -> out; reduce, counted, permuted, weighted
inline auto spmm_arguments(const Call& call) {
  const XLA_FFI_Buffer &indptr = call.in(0), &ids = call.in(1), &perm = call.in(2), &weight = call.in(3), &x = call.in(4),
                       &out = call.out(0);
  const int64_t reduce = call.attribute("reduce"), counted = call.attribute("counted"), permuted = call.attribute("permuted"),
                weighted = call.attribute("weighted");
  return std::make_tuple(indptr.data, counted ? NOTHING : ids.data, permuted ? perm.data : NOTHING,
                         weighted ? weight.data : NOTHING, x.data, out.data, rows_of(indptr) - 1,
                         counted ? rows_of(x) : rows_of(ids), rows_of(x), weighted ? columns_of(weight) : 1,
                         weighted ? columns_of(x, weight.rank) : columns_of(x), dtype_of(x), index_of(indptr), reduce);
}

// indptr, ids, a, b -> out; combine
inline auto sddmm_arguments(const Call& call) {
  const XLA_FFI_Buffer &indptr = call.in(0), &ids = call.in(1), &a = call.in(2), &b = call.in(3), &out = call.out(0);
  const int64_t combine = call.attribute("combine");
  return std::make_tuple(indptr.data, ids.data, a.data, b.data, out.data, rows_of(indptr) - 1, rows_of(ids), rows_of(b),
                         combine == HEDDLE_ADD ? 1 : columns_of(out),
                         combine == HEDDLE_ADD ? columns_of(b) : b.dims[b.rank - 1], dtype_of(b), index_of(indptr), combine);
}

// indptr, ids, edges, first, received, sent, second, bias -> out, total
inline auto edge_mlp_arguments(const Call& call) {
  const XLA_FFI_Buffer &indptr = call.in(0), &ids = call.in(1), &edges = call.in(2), &first = call.in(3),
                       &received = call.in(4), &sent = call.in(5), &second = call.in(6), &bias = call.in(7), &out = call.out(0),
                       &total = call.out(1);
  return std::make_tuple(indptr.data, ids.data, edges.data, first.data, received.data, sent.data, second.data, bias.data,
                         out.data, total.data, rows_of(indptr) - 1, rows_of(edges), rows_of(sent), edges.dims[1],
                         second.dims[0], second.dims[1], dtype_of(second), index_of(indptr));
}

// indptr, ids, edges, first, received, sent, second, d_out, d_total, d_sent_total -> d_hidden, d_received, d_first, d_second,
// d_bias, d_edges; by_receiver, by_sender, to_edges
inline auto edge_mlp_grad_arguments(const Call& call) {
  const XLA_FFI_Buffer &indptr = call.in(0), &ids = call.in(1), &edges = call.in(2), &first = call.in(3),
                       &received = call.in(4), &sent = call.in(5), &second = call.in(6), &d_out = call.in(7),
                       &d_total = call.in(8), &d_sent_total = call.in(9), &d_hidden = call.out(0), &d_received = call.out(1),
                       &d_first = call.out(2), &d_second = call.out(3), &d_bias = call.out(4), &d_edges = call.out(5);
  const int64_t by_receiver = call.attribute("by_receiver"), by_sender = call.attribute("by_sender"),
                to_edges = call.attribute("to_edges");
  return std::make_tuple(indptr.data, ids.data, edges.data, first.data, received.data, sent.data, second.data, d_out.data,
                         by_receiver ? d_total.data : NOTHING, by_sender ? d_sent_total.data : NOTHING, d_hidden.data,
                         to_edges ? d_edges.data : NOTHING, d_received.data, d_first.data, d_second.data, d_bias.data,
                         rows_of(indptr) - 1, rows_of(edges), rows_of(sent), edges.dims[1], second.dims[0], second.dims[1],
                         dtype_of(second), index_of(indptr));
}

// indptr, ids, perm, weight, x, largest, factor, value -> out; transposed, permuted, weighted, factored, valued
inline auto spmm_argmax_arguments(const Call& call) {
  const XLA_FFI_Buffer &indptr = call.in(0), &ids = call.in(1), &perm = call.in(2), &weight = call.in(3), &x = call.in(4),
                       &largest = call.in(5), &factor = call.in(6), &value = call.in(7), &out = call.out(0);
  const int64_t transposed = call.attribute("transposed"), permuted = call.attribute("permuted"),
                weighted = call.attribute("weighted"), factored = call.attribute("factored"), valued = call.attribute("valued");
  return std::make_tuple(indptr.data, ids.data, permuted ? perm.data : NOTHING, weighted ? weight.data : NOTHING, x.data,
                         largest.data, factored ? factor.data : NOTHING, valued ? value.data : NOTHING, out.data,
                         rows_of(indptr) - 1, rows_of(ids), transposed ? rows_of(largest) : rows_of(x),
                         weighted ? columns_of(weight) : 1, weighted ? columns_of(x, weight.rank) : columns_of(x), transposed,
                         dtype_of(x), index_of(indptr));
}

// indptr, ids, weight, x, largest, a, b -> out; transposed
inline auto sddmm_argmax_arguments(const Call& call) {
  const XLA_FFI_Buffer &indptr = call.in(0), &ids = call.in(1), &weight = call.in(2), &x = call.in(3), &largest = call.in(4),
                       &a = call.in(5), &b = call.in(6), &out = call.out(0);
  const int64_t transposed = call.attribute("transposed");
  return std::make_tuple(indptr.data, ids.data, weight.data, x.data, largest.data, a.data, b.data, out.data,
                         rows_of(indptr) - 1, rows_of(ids), transposed ? rows_of(largest) : rows_of(x), columns_of(weight),
                         columns_of(x, weight.rank), transposed, dtype_of(x), index_of(indptr));
}

// ids, x -> out; row_bytes
inline auto gather_arguments(const Call& call) {
  const XLA_FFI_Buffer &ids = call.in(0), &x = call.in(1), &out = call.out(0);
  const int64_t row_bytes = call.attribute("row_bytes");
  return std::make_tuple(ids.data, x.data, out.data, rows_of(ids), rows_of(x), row_bytes, index_of(ids));
}

// ids, data -> out; reduce
inline auto segment_reduce_arguments(const Call& call) {
  const XLA_FFI_Buffer &ids = call.in(0), &data = call.in(1), &out = call.out(0);
  const int64_t reduce = call.attribute("reduce");
  return std::make_tuple(ids.data, data.data, out.data, rows_of(data), rows_of(out), columns_of(data), dtype_of(data),
                         index_of(ids), reduce);
}

// ids, data -> out; segments
inline auto segment_softmax_arguments(const Call& call) {
  const XLA_FFI_Buffer &ids = call.in(0), &data = call.in(1), &out = call.out(0);
  const int64_t segments = call.attribute("segments");
  return std::make_tuple(ids.data, data.data, out.data, rows_of(data), segments, columns_of(data), dtype_of(data),
                         index_of(ids));
}

// indptr, data -> out
inline auto edge_softmax_arguments(const Call& call) {
  const XLA_FFI_Buffer &indptr = call.in(0), &data = call.in(1), &out = call.out(0);
  return std::make_tuple(indptr.data, NOTHING, data.data, out.data, rows_of(data), rows_of(indptr) - 1, columns_of(data),
                         dtype_of(data), index_of(indptr));
}

// ids, y, grad -> out; segments
inline auto segment_softmax_grad_arguments(const Call& call) {
  const XLA_FFI_Buffer &ids = call.in(0), &y = call.in(1), &grad = call.in(2), &out = call.out(0);
  const int64_t segments = call.attribute("segments");
  return std::make_tuple(ids.data, y.data, grad.data, out.data, rows_of(y), segments, columns_of(y), dtype_of(y),
                         index_of(ids));
}

// indptr, y, grad -> out
inline auto edge_softmax_grad_arguments(const Call& call) {
  const XLA_FFI_Buffer &indptr = call.in(0), &y = call.in(1), &grad = call.in(2), &out = call.out(0);
  return std::make_tuple(indptr.data, NOTHING, y.data, grad.data, out.data, rows_of(y), rows_of(indptr) - 1, columns_of(y),
                         dtype_of(y), index_of(indptr));
}

// sizes, lhs, rhs -> out; transposed, precision
inline auto segment_matmul_arguments(const Call& call) {
  const XLA_FFI_Buffer &sizes = call.in(0), &lhs = call.in(1), &rhs = call.in(2), &out = call.out(0);
  const int64_t transposed = call.attribute("transposed");
  return std::make_tuple(lhs.data, rhs.data, NOTHING, sizes.data, out.data, rows_of(lhs), rows_of(rhs), lhs.dims[1],
                         out.dims[1], transposed, dtype_of(lhs), index_of(sizes));
}

// sizes, lhs, rhs -> out; precision
inline auto segment_outer_arguments(const Call& call) {
  const XLA_FFI_Buffer &sizes = call.in(0), &lhs = call.in(1), &rhs = call.in(2), &out = call.out(0);
  return std::make_tuple(lhs.data, rhs.data, sizes.data, out.data, rows_of(lhs), rows_of(sizes), lhs.dims[1], rhs.dims[1],
                         dtype_of(lhs), index_of(sizes));
}

}  // namespace heddle
