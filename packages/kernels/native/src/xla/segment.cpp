// XLA handlers of the ops on segments, and of the grouped products.
#include "call.hpp"

using namespace heddle;

// ids, x -> out; `row_bytes`
HEDDLE_XLA_HANDLER(heddle_xla_gather) {
  return answer(frame, [](const Call& call) {
    const XLA_FFI_Buffer &ids = call.in(0), &x = call.in(1);
    return heddle_gather(ids.data, x.data, call.out(0).data, rows_of(ids), rows_of(x), call.attribute("row_bytes"),
                         index_of(ids), 0);
  });
}

// ids, data -> out; `reduce`
HEDDLE_XLA_HANDLER(heddle_xla_segment_reduce) {
  return answer(frame, [](const Call& call) {
    const XLA_FFI_Buffer &ids = call.in(0), &data = call.in(1), &out = call.out(0);
    return heddle_segment_reduce(ids.data, data.data, out.data, rows_of(data), rows_of(out), columns_of(data),
                                 dtype_of(data), index_of(ids), call.attribute("reduce"), 0);
  });
}

// ids, data -> out; `segments`
HEDDLE_XLA_HANDLER(heddle_xla_segment_softmax) {
  return answer(frame, [](const Call& call) {
    const XLA_FFI_Buffer &ids = call.in(0), &data = call.in(1);
    return heddle_segment_softmax(ids.data, data.data, call.out(0).data, rows_of(data), call.attribute("segments"),
                                  columns_of(data), dtype_of(data), index_of(ids), 0);
  });
}

// ids, y, grad -> out; `segments`
HEDDLE_XLA_HANDLER(heddle_xla_segment_softmax_grad) {
  return answer(frame, [](const Call& call) {
    const XLA_FFI_Buffer &ids = call.in(0), &y = call.in(1), &grad = call.in(2);
    return heddle_segment_softmax_grad(ids.data, y.data, grad.data, call.out(0).data, rows_of(y),
                                       call.attribute("segments"), columns_of(y), dtype_of(y), index_of(ids), 0);
  });
}

// sizes, lhs, rhs -> out; `transposed`
HEDDLE_XLA_HANDLER(heddle_xla_segment_matmul) {
  return answer(frame, [](const Call& call) {
    const XLA_FFI_Buffer &sizes = call.in(0), &lhs = call.in(1), &rhs = call.in(2), &out = call.out(0);
    return heddle_segment_matmul(lhs.data, rhs.data, nullptr, sizes.data, out.data, rows_of(lhs), rows_of(rhs), lhs.dims[1],
                                 out.dims[1], call.attribute("transposed"), dtype_of(lhs), index_of(sizes), 0);
  });
}

// sizes, lhs, rhs -> out
HEDDLE_XLA_HANDLER(heddle_xla_segment_outer) {
  return answer(frame, [](const Call& call) {
    const XLA_FFI_Buffer &sizes = call.in(0), &lhs = call.in(1), &rhs = call.in(2);
    return heddle_segment_outer(lhs.data, rhs.data, sizes.data, call.out(0).data, rows_of(lhs), rows_of(sizes), lhs.dims[1],
                                rhs.dims[1], dtype_of(lhs), index_of(sizes), 0);
  });
}
