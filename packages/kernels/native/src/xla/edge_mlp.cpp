// XLA handlers of edges through an MLP.
#include "call.hpp"

using namespace heddle;

// indptr, ids, edges, first, received, sent, second, bias -> out, total
HEDDLE_XLA_HANDLER(heddle_xla_edge_mlp) {
  return answer(frame, [](const Call& call) {
    const auto data = [&](int64_t i) { return call.in(i).data; };
    const XLA_FFI_Buffer &indptr = call.in(0), &edges = call.in(2), &sent = call.in(5), &second = call.in(6);
    return heddle_edge_mlp(data(0), data(1), data(2), data(3), data(4), data(5), data(6), data(7), call.out(0).data,
                           call.out(1).data, rows_of(indptr) - 1, rows_of(edges), rows_of(sent), edges.dims[1],
                           second.dims[0], second.dims[1], dtype_of(second), index_of(indptr), 0);
  });
}

// indptr, ids, edges, first, received, sent, second, d_out, d_total, d_sent_total
//   -> d_hidden, d_received, d_first, d_second, d_bias, d_edges; `by_receiver`, `by_sender`, `to_edges`
HEDDLE_XLA_HANDLER(heddle_xla_edge_mlp_grad) {
  return answer(frame, [](const Call& call) {
    const auto data = [&](int64_t i) { return call.in(i).data; };
    const auto to = [&](int64_t i) { return call.out(i).data; };
    const XLA_FFI_Buffer &indptr = call.in(0), &edges = call.in(2), &sent = call.in(5), &second = call.in(6);
    return heddle_edge_mlp_grad(data(0), data(1), data(2), data(3), data(4), data(5), data(6), data(7),
                                call.attribute("by_receiver") ? data(8) : nullptr,
                                call.attribute("by_sender") ? data(9) : nullptr, to(0),
                                call.attribute("to_edges") ? to(5) : nullptr, to(1), to(2), to(3), to(4),
                                rows_of(indptr) - 1, rows_of(edges), rows_of(sent), edges.dims[1], second.dims[0],
                                second.dims[1], dtype_of(second), index_of(indptr), 0);
  });
}
