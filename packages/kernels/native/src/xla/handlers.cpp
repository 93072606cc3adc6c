// XLA handlers of the ops on CPUs.
//
// Printed by `python -m heddle_kernels.calls` from heddle_kernels/calls: edit it there.
#include "arguments.hpp"

using namespace heddle;

namespace {
constexpr int64_t THREADS = 0;
}

HEDDLE_XLA_HANDLER(heddle_xla_spmm) {
  return answer(frame, [](const Call& call) { return call_with(heddle_spmm, spmm_arguments(call), THREADS); });
}

HEDDLE_XLA_HANDLER(heddle_xla_sddmm) {
  return answer(frame, [](const Call& call) { return call_with(heddle_sddmm, sddmm_arguments(call), THREADS); });
}

HEDDLE_XLA_HANDLER(heddle_xla_edge_mlp) {
  return answer(frame, [](const Call& call) { return call_with(heddle_edge_mlp, edge_mlp_arguments(call), THREADS); });
}

HEDDLE_XLA_HANDLER(heddle_xla_edge_mlp_grad) {
  return answer(frame, [](const Call& call) { return call_with(heddle_edge_mlp_grad, edge_mlp_grad_arguments(call), THREADS); });
}

HEDDLE_XLA_HANDLER(heddle_xla_spmm_argmax) {
  return answer(frame, [](const Call& call) { return call_with(heddle_spmm_argmax, spmm_argmax_arguments(call), THREADS); });
}

HEDDLE_XLA_HANDLER(heddle_xla_sddmm_argmax) {
  return answer(frame, [](const Call& call) { return call_with(heddle_sddmm_argmax, sddmm_argmax_arguments(call), THREADS); });
}

HEDDLE_XLA_HANDLER(heddle_xla_gather) {
  return answer(frame, [](const Call& call) { return call_with(heddle_gather, gather_arguments(call), THREADS); });
}

HEDDLE_XLA_HANDLER(heddle_xla_segment_reduce) {
  return answer(frame, [](const Call& call) { return call_with(heddle_segment_reduce, segment_reduce_arguments(call), THREADS); });
}

HEDDLE_XLA_HANDLER(heddle_xla_segment_softmax) {
  return answer(frame, [](const Call& call) { return call_with(heddle_segment_softmax, segment_softmax_arguments(call), THREADS); });
}

HEDDLE_XLA_HANDLER(heddle_xla_segment_softmax_grad) {
  return answer(frame, [](const Call& call) { return call_with(heddle_segment_softmax_grad, segment_softmax_grad_arguments(call), THREADS); });
}

HEDDLE_XLA_HANDLER(heddle_xla_segment_matmul) {
  return answer(frame, [](const Call& call) { return call_with(heddle_segment_matmul, segment_matmul_arguments(call), THREADS); });
}

HEDDLE_XLA_HANDLER(heddle_xla_segment_outer) {
  return answer(frame, [](const Call& call) { return call_with(heddle_segment_outer, segment_outer_arguments(call), THREADS); });
}
