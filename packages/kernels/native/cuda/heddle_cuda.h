// The C interface of libheddle_kernels_cuda: heddle_kernels.h on a CUDA device.
//
// Conventions as in heddle_kernels.h, with these differences:
//   - Array pointers are device memory; `stream` is a cudaStream_t. Calls queue work and return: no function reads device
//     memory, allocates or waits, so that calls can be captured in a graph.
//   - Ids lie on the device and can't be refused at the call. What is out of range is left out of the result, never
//     read, and noted in `fault`: int64 [4] = (code, position, found, bound), all 0 at first, the first fault stays.
//     NULL: not noted.
//   - Alignment: any array may be aligned to its elements only; 16 bytes are faster.
//
// Printed by `python -m heddle_kernels.calls` from heddle_kernels/calls: edit it there.
#ifndef HEDDLE_CUDA_H
#define HEDDLE_CUDA_H

#include "heddle_kernels.h"

#if defined(__cplusplus)
extern "C" {
#endif

// How float32 products are computed: as such; as three products in TF32, which keeps float32's accuracy but
// not its last bits; or in TF32.
enum heddle_precision { HEDDLE_IEEE = 0, HEDDLE_3XTF32 = 1, HEDDLE_TF32 = 2 };
// What a product multiplies: lhs rhs, lhs rhs transposed, lhs transposed rhs.
enum heddle_mode { HEDDLE_FORWARD = 0, HEDDLE_TRANSPOSED = 1, HEDDLE_OUTER = 2 };
enum heddle_fault {
  HEDDLE_NO_FAULT = 0,
  HEDDLE_FAULT_ID = 1,      // an id at `position` is not in [0, bound)
  HEDDLE_FAULT_INDPTR = 2,  // a row pointer at `position` is not in [its predecessor, bound]
  HEDDLE_FAULT_SIZE = 3,    // a group's size at `position` is negative
  HEDDLE_FAULT_TOTAL = 4    // sizes sum to `found`, not to `bound` rows
};

// Version of this interface.
HEDDLE_API int heddle_cuda_abi_version(void);

// Message of this thread's last status other than 0.
HEDDLE_API const char* heddle_cuda_last_error(void);

// What the library holds machine code for, e.g. "sm_80 sm_90 sm_90a compute_90".
HEDDLE_API const char* heddle_cuda_targets(void);

// --- grouped matrix products ---

// Bytes of device memory, aligned to 16, that a product of `groups` groups needs on the current device.
HEDDLE_API int64_t heddle_cuda_matmul_workspace(int64_t groups);

// heddle_segment_matmul; sizes [groups] on the device.
HEDDLE_API int heddle_cuda_segment_matmul(const void* lhs, const void* rhs, const void* bias, const void* sizes, void* out,
                                          int64_t n, int64_t groups, int64_t k, int64_t m, int64_t transposed, int64_t dtype,
                                          int64_t index, int64_t precision, void* workspace, int64_t workspace_bytes,
                                          void* fault, void* stream);

// Bytes of device memory, aligned to 16, that segment_outer needs.
HEDDLE_API int64_t heddle_cuda_segment_outer_workspace(int64_t n, int64_t groups, int64_t k, int64_t m, int64_t dtype);

// heddle_segment_outer; sizes [groups] on the device. Its workspace is asked apart: groups of many rows
// are cut there.
HEDDLE_API int heddle_cuda_segment_outer(const void* lhs, const void* rhs, const void* sizes, void* out, int64_t n,
                                         int64_t groups, int64_t k, int64_t m, int64_t dtype, int64_t index, int64_t precision,
                                         void* workspace, int64_t workspace_bytes, void* fault, void* stream);

// heddle_grouped_matmul and heddle_grouped_outer: the lists and shapes lie on the host, what they point to
// on the device.
HEDDLE_API int heddle_cuda_grouped_matmul(const void* const* lhs, const void* const* rhs, const void* const* biases,
                                          void* const* outs, const int64_t* shapes, int64_t count, int64_t transposed,
                                          int64_t dtype, int64_t precision, void* workspace, int64_t workspace_bytes,
                                          void* stream);

// heddle_grouped_outer on a device.
HEDDLE_API int heddle_cuda_grouped_outer(const void* const* lhs, const void* const* rhs, void* const* outs,
                                         const int64_t* shapes, int64_t count, int64_t dtype, int64_t precision,
                                         void* workspace, int64_t workspace_bytes, void* stream);

// --- sparse aggregation ---

// Bytes of device memory, aligned to 16, that spmm needs.
HEDDLE_API int64_t heddle_cuda_spmm_workspace(int64_t edges, int64_t columns, int64_t dtype);

// heddle_spmm on a device. Rows of many edges are shared among groups of threads, by way of the workspace,
// here and in spmm_argmax; `columns` are heads times width.
HEDDLE_API int heddle_cuda_spmm(const void* indptr, const void* ids, const void* perm, const void* weight, const void* x,
                                void* out, int64_t rows, int64_t edges, int64_t x_rows, int64_t heads, int64_t width,
                                int64_t dtype, int64_t index, int64_t reduce, void* workspace, int64_t workspace_bytes,
                                void* fault, void* stream);

// heddle_sddmm on a device.
HEDDLE_API int heddle_cuda_sddmm(const void* indptr, const void* ids, const void* a, const void* b, void* out, int64_t rows,
                                 int64_t edges, int64_t b_rows, int64_t heads, int64_t width, int64_t dtype, int64_t index,
                                 int64_t combine, void* fault, void* stream);

// heddle_spmm_argmax on a device.
HEDDLE_API int heddle_cuda_spmm_argmax(const void* indptr, const void* ids, const void* perm, const void* weight, const void* x,
                                       const void* largest, const void* factor, const void* value, void* out, int64_t rows,
                                       int64_t edges, int64_t other_rows, int64_t heads, int64_t width, int64_t transposed,
                                       int64_t dtype, int64_t index, void* workspace, int64_t workspace_bytes, void* fault,
                                       void* stream);

// heddle_sddmm_argmax on a device.
HEDDLE_API int heddle_cuda_sddmm_argmax(const void* indptr, const void* ids, const void* weight, const void* x,
                                        const void* largest, const void* a, const void* b, void* out, int64_t rows,
                                        int64_t edges, int64_t other_rows, int64_t heads, int64_t width, int64_t transposed,
                                        int64_t dtype, int64_t index, void* fault, void* stream);

// --- segments and rows ---

// heddle_gather on a device.
HEDDLE_API int heddle_cuda_gather(const void* ids, const void* x, void* out, int64_t count, int64_t x_rows, int64_t row_bytes,
                                  int64_t index, void* fault, void* stream);

// Bytes of device memory, aligned to 16, that segment_softmax needs.
HEDDLE_API int64_t heddle_cuda_segment_softmax_workspace(int64_t count, int64_t segments, int64_t width, int64_t dtype);

// Segments as a walk: segment s holds the rows perm[j], or j, for j from indptr[s] to indptr[s + 1]; the
// same sums on every run. A reduction is heddle_cuda_spmm with ids = perm.
HEDDLE_API int heddle_cuda_segment_softmax(const void* indptr, const void* perm, const void* data, void* out, int64_t count,
                                           int64_t segments, int64_t width, int64_t dtype, int64_t index, void* workspace,
                                           int64_t workspace_bytes, void* fault, void* stream);

// heddle_segment_softmax_grad on a device.
HEDDLE_API int heddle_cuda_segment_softmax_grad(const void* indptr, const void* perm, const void* y, const void* grad,
                                                void* out, int64_t count, int64_t segments, int64_t width, int64_t dtype,
                                                int64_t index, void* workspace, int64_t workspace_bytes, void* fault,
                                                void* stream);

// --- neighbour sampling: one hop along one relation, in steps; core's draws, bit for bit (heddle/sampling) ---

// 1. For nodes [n] at positions from `first`: how many in-edges are taken of each, counts [n]. size -1 for all.
HEDDLE_API int heddle_cuda_sample_count(const void* indptr, const int64_t* nodes, int64_t* counts, int64_t n, int64_t rows,
                                        int64_t edges, int64_t size, int64_t replace, int64_t index, void* fault, void* stream);

// 2. Draw them: ends [n] are the running totals of counts, `key` is the relation's stream in this hop.
// Writes, per edge, its place in the graph, its receiver's place in the sample, and its sender's id.
HEDDLE_API int heddle_cuda_sample_draw(const void* indptr, const void* senders, const int64_t* nodes, const int64_t* ends,
                                       int64_t* taken, int64_t* receivers, int64_t* ids, int64_t n, int64_t rows, int64_t edges,
                                       int64_t n_node, int64_t first, int64_t size, int64_t replace, uint64_t key,
                                       int64_t index, void* fault, void* stream);

// 3. table [n_node], all INT64_MAX at first, holds each node's place. Claim: note who of ids [count] comes
// first; is_new [count] is 1 for those that have no place yet and come first.
HEDDLE_API int heddle_cuda_sample_claim(const int64_t* ids, int64_t* table, int64_t* is_new, int64_t count, void* stream);

// 4. Enter: rank [count] are the running totals of is_new. Writes new nodes to nodes [held ...].
HEDDLE_API int heddle_cuda_sample_enter(const int64_t* ids, const int64_t* is_new, const int64_t* rank, int64_t* table,
                                        int64_t* nodes, int64_t count, int64_t held, void* stream);

#if defined(__cplusplus)
}
#endif
#endif
