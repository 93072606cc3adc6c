// XLA handlers of the ops on a CUDA device, by the names and with the operands of those on the CPU. Ids out of range can't be
// reported: they are left out, as XLA does with its own.
#include "device.hpp"

using namespace heddle;

HEDDLE_XLA_HANDLER(heddle_xla_spmm) {
  return answer_on_device(frame, [](const Call& call, Device& device) {
    const auto arguments = spmm_arguments(call);
    const auto [indptr, ids, perm, weight, x, out, rows, edges, x_rows, heads, width, dtype, index, reduce] = arguments;
    void* const space = device.workspace(heddle_cuda_spmm_workspace(edges, heads * width, dtype));
    return call_with(heddle_cuda_spmm, arguments, space, device.bytes, UNNOTED, device.stream);
  });
}

HEDDLE_XLA_HANDLER(heddle_xla_sddmm) {
  return answer_on_device(frame, [](const Call& call, Device& device) {
    return call_with(heddle_cuda_sddmm, sddmm_arguments(call), UNNOTED, device.stream);
  });
}

HEDDLE_XLA_HANDLER(heddle_xla_spmm_argmax) {
  return answer_on_device(frame, [](const Call& call, Device& device) {
    const auto arguments = spmm_argmax_arguments(call);
    const auto [indptr, ids, perm, weight, x, largest, factor, value, out, rows, edges, others, heads, width, transposed, dtype,
                index] = arguments;
    void* const space = device.workspace(heddle_cuda_spmm_workspace(edges, heads * width, dtype));
    return call_with(heddle_cuda_spmm_argmax, arguments, space, device.bytes, UNNOTED, device.stream);
  });
}

HEDDLE_XLA_HANDLER(heddle_xla_sddmm_argmax) {
  return answer_on_device(frame, [](const Call& call, Device& device) {
    return call_with(heddle_cuda_sddmm_argmax, sddmm_argmax_arguments(call), UNNOTED, device.stream);
  });
}

HEDDLE_XLA_HANDLER(heddle_xla_gather) {
  return answer_on_device(frame, [](const Call& call, Device& device) {
    return call_with(heddle_cuda_gather, gather_arguments(call), UNNOTED, device.stream);
  });
}

HEDDLE_XLA_HANDLER(heddle_xla_edge_softmax) {
  return answer_on_device(frame, [](const Call& call, Device& device) {
    const auto arguments = edge_softmax_arguments(call);
    const auto [indptr, perm, data, out, count, segments, width, dtype, index] = arguments;
    void* const space = device.workspace(heddle_cuda_segment_softmax_workspace(count, segments, width, dtype));
    return call_with(heddle_cuda_segment_softmax, arguments, space, device.bytes, UNNOTED, device.stream);
  });
}

HEDDLE_XLA_HANDLER(heddle_xla_edge_softmax_grad) {
  return answer_on_device(frame, [](const Call& call, Device& device) {
    const auto arguments = edge_softmax_grad_arguments(call);
    const auto [indptr, perm, y, grad, out, count, segments, width, dtype, index] = arguments;
    void* const space = device.workspace(heddle_cuda_segment_softmax_workspace(count, segments, width, dtype));
    return call_with(heddle_cuda_segment_softmax_grad, arguments, space, device.bytes, UNNOTED, device.stream);
  });
}

// `precision` besides.
HEDDLE_XLA_HANDLER(heddle_xla_segment_matmul) {
  return answer_on_device(frame, [](const Call& call, Device& device) {
    const auto arguments = segment_matmul_arguments(call);
    const auto [lhs, rhs, bias, sizes, out, n, groups, k, m, transposed, dtype, index] = arguments;
    void* const space = device.workspace(heddle_cuda_matmul_workspace(groups));
    return call_with(heddle_cuda_segment_matmul, arguments, call.attribute("precision"), space, device.bytes, UNNOTED,
                     device.stream);
  });
}

// `precision` besides.
HEDDLE_XLA_HANDLER(heddle_xla_segment_outer) {
  return answer_on_device(frame, [](const Call& call, Device& device) {
    const auto arguments = segment_outer_arguments(call);
    const auto [lhs, rhs, sizes, out, n, groups, k, m, dtype, index] = arguments;
    void* const space = device.workspace(heddle_cuda_segment_outer_workspace(n, groups, k, m, dtype));
    return call_with(heddle_cuda_segment_outer, arguments, call.attribute("precision"), space, device.bytes, UNNOTED,
                     device.stream);
  });
}
