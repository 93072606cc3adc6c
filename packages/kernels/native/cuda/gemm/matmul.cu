// Grouped products: check, set up on the device, run the kernel that suits.
#include "../host/status.hpp"
#include "../types.cuh"
#include "setup.cuh"

namespace heddle::cuda {
namespace {

int lay_out(const char* op, int64_t groups, void* workspace, int64_t bytes, const Device& device, void* stream,
            Launch& of) {
  const int64_t arrays = carve(static_cast<char*>(workspace), groups, of.arrays);
  if (int status = check_workspace(op, workspace, bytes, arrays + SCRATCH * device.multiprocessors)) return status;
  of.groups = groups;
  open(workspace, bytes, arrays, device, stream, of);
  return HEDDLE_OK;
}

int segments(const char* op, int64_t mode, const void* lhs, const void* rhs, const void* bias, const void* sizes,
             void* out, int64_t n, int64_t groups, int64_t k, int64_t m, int64_t dtype, int64_t index,
             int64_t precision, void* workspace, int64_t workspace_bytes, void* fault, void* stream) {
  if (int status = check_codes(op, dtype, index, precision)) return status;
  if (int status = check_counts(op, n, groups, k, m)) return status;
  if (groups == 0 || m == 0 || n == 0) return HEDDLE_OK;
  if (k == 0) return fail(HEDDLE_INVALID, "%s: k: found 0, expected a column; fill the output", op);
  Device device;
  if (int status = ask(op, device)) return status;
  Launch of{};
  if (int status = lay_out(op, groups, workspace, workspace_bytes, device, stream, of)) return status;
  const int64_t element = bytes_of(dtype);
  const bool aligned = rows_aligned(lhs, k, element) && rows_aligned(out, m, element) &&
                       rows_aligned(rhs, k * m, element) && rows_aligned(bias, m, element);
  of.plan = choose({dtype, precision, mode, m, aligned, bias != nullptr, device.capability});
  of.bias = bias != nullptr;
  const Segments given{static_cast<const char*>(lhs), static_cast<const char*>(rhs), static_cast<const char*>(bias),
                       static_cast<char*>(out), k, m, static_cast<int32_t>(mode), static_cast<int32_t>(element)};
  const cudaError_t error =
      set_up_segments(of.arrays, given, sizes, index, n, groups, static_cast<int64_t*>(fault), of.stream);
  if (int status = checked(op, error)) return status;
  return run(of);
}

int pairs(const char* op, int64_t mode, const void* const* lhs, const void* const* rhs, const void* const* biases,
          void* const* outs, const int64_t* shapes, int64_t count, int64_t dtype, int64_t precision, void* workspace,
          int64_t workspace_bytes, void* stream) {
  if (int status = check_codes(op, dtype, HEDDLE_INT64, precision)) return status;
  if (int status = check_counts(op, 0, count, 0, 0)) return status;
  if (count == 0) return HEDDLE_OK;
  Device device;
  if (int status = ask(op, device)) return status;
  Launch of{};
  if (int status = lay_out(op, count, workspace, workspace_bytes, device, stream, of)) return status;
  const int64_t element = bytes_of(dtype);
  Question question{dtype, precision, mode, 0, true, biases != nullptr, device.capability};
  Pairs batch{};
  batch.mode = static_cast<int32_t>(mode);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t n = shapes[3 * i], k = shapes[3 * i + 1], m = shapes[3 * i + 2];
    if (int status = check_counts(op, n, count, k, m)) return status;
    const void* const bias = biases ? biases[i] : nullptr;
    if (biases && !bias) return fail(HEDDLE_INVALID, "%s: biases[%lld]: found none, expected one for each", op, num(i));
    if (m > 0 && (mode == HEDDLE_OUTER ? n == 0 && k > 0 : k == 0 && n > 0))
      return fail(HEDDLE_INVALID, "%s: pair %lld: found nothing to sum, expected some; fill its output", op, num(i));
    question.columns = m > question.columns ? m : question.columns;
    question.aligned = question.aligned && rows_aligned(lhs[i], k, element) && rows_aligned(outs[i], m, element) &&
                       rows_aligned(rhs[i], mode == HEDDLE_TRANSPOSED ? k : m, element) &&
                       rows_aligned(bias, m, element);
    batch.of[batch.count++] = {lhs[i], rhs[i], bias, outs[i], static_cast<int32_t>(n), static_cast<int32_t>(k),
                               static_cast<int32_t>(m)};
    if (batch.count < PAIRS && i + 1 < count) continue;
    if (int status = checked(op, set_up_pairs(of.arrays, batch, of.stream))) return status;
    batch.first = i + 1;
    batch.count = 0;
  }
  of.plan = choose(question);
  of.bias = question.bias;
  return run(of);
}

}  // namespace
}  // namespace heddle::cuda

using namespace heddle::cuda;

extern "C" int64_t heddle_cuda_matmul_workspace(int64_t groups) {
  Device device;
  if (ask("matmul_workspace", device)) return -1;
  Arrays arrays;
  return carve(nullptr, groups, arrays) + SCRATCH * device.multiprocessors;
}

extern "C" int heddle_cuda_segment_matmul(const void* lhs, const void* rhs, const void* bias, const void* sizes,
                                          void* out, int64_t n, int64_t groups, int64_t k, int64_t m, int64_t transposed,
                                          int64_t dtype, int64_t index, int64_t precision, void* workspace,
                                          int64_t workspace_bytes, void* fault, void* stream) {
  return segments("segment_matmul", transposed ? HEDDLE_TRANSPOSED : HEDDLE_FORWARD, lhs, rhs, bias, sizes, out, n,
                  groups, k, m, dtype, index, precision, workspace, workspace_bytes, fault, stream);
}

extern "C" int heddle_cuda_grouped_matmul(const void* const* lhs, const void* const* rhs, const void* const* biases,
                                          void* const* outs, const int64_t* shapes, int64_t count, int64_t transposed,
                                          int64_t dtype, int64_t precision, void* workspace, int64_t workspace_bytes,
                                          void* stream) {
  return pairs("grouped_matmul", transposed ? HEDDLE_TRANSPOSED : HEDDLE_FORWARD, lhs, rhs, biases, outs, shapes, count,
               dtype, precision, workspace, workspace_bytes, stream);
}

extern "C" int heddle_cuda_grouped_outer(const void* const* lhs, const void* const* rhs, void* const* outs,
                                         const int64_t* shapes, int64_t count, int64_t dtype, int64_t precision,
                                         void* workspace, int64_t workspace_bytes, void* stream) {
  return pairs("grouped_outer", HEDDLE_OUTER, lhs, rhs, nullptr, outs, shapes, count, dtype, precision, workspace,
               workspace_bytes, stream);
}
