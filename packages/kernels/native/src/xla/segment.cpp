// XLA handlers of the ops on segments, and of the grouped products.
#include "arguments.hpp"

using namespace heddle;

HEDDLE_XLA_HANDLER(heddle_xla_gather) {
  return answer(frame, [](const Call& call) { return call_with(heddle_gather, gather_arguments(call), int64_t{0}); });
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

HEDDLE_XLA_HANDLER(heddle_xla_segment_matmul) {
  return answer(frame, [](const Call& call) {
    return call_with(heddle_segment_matmul, segment_matmul_arguments(call), int64_t{0});
  });
}

HEDDLE_XLA_HANDLER(heddle_xla_segment_outer) {
  return answer(frame, [](const Call& call) {
    return call_with(heddle_segment_outer, segment_outer_arguments(call), int64_t{0});
  });
}
