// The C interface of heddle-kernels: every exported function, and nothing else is exported.
//
// Conventions
//   - Each function returns HEDDLE_OK or a status, whose message heddle_last_error() returns (one per thread).
//   - Arrays are dense, row-major and aligned to their elements; `out` never overlaps an input.
//   - `index` is the type of all ids, positions and row pointers of a call; `dtype` that of all values.
//     bfloat16 and float16 are accumulated in float32.
//   - A CSR walk is (indptr [rows + 1], ids [edges], perm [edges]): row r owns the positions j of indptr[r] to
//     indptr[r + 1]; ids[j] is the row at the edge's other end, perm[j] the edge's place in per-edge arrays.
//     ids = NULL stands for 0 to edges - 1 and perm = NULL for j itself.
//   - Ids are checked here: one out of range gives HEDDLE_RANGE and never a read outside an array.
//   - Every argument is eight bytes wide, so that a caller by ctypes can pass all alike.
//   - threads: most threads to use, the caller included; 0 for the library's own setting. -n: n threads of the OpenMP
//     runtime that the process has loaded, as torch does, or of the library's own if there is none.
//   - An empty row gives 0, in a max too. NaN propagates. Ties of a max are the caller's to share.
//
// Printed by `python -m heddle_kernels.calls` from heddle_kernels/calls: edit it there.
#ifndef HEDDLE_KERNELS_H
#define HEDDLE_KERNELS_H

#include <stdint.h>

#if defined(__cplusplus)
extern "C" {
#endif

#define HEDDLE_API __attribute__((visibility("default")))

enum heddle_status { HEDDLE_OK = 0, HEDDLE_INVALID = 1, HEDDLE_RANGE = 2, HEDDLE_MEMORY = 3 };
enum heddle_dtype { HEDDLE_FLOAT32 = 0, HEDDLE_FLOAT64 = 1, HEDDLE_BFLOAT16 = 2, HEDDLE_FLOAT16 = 3 };
enum heddle_index { HEDDLE_INT32 = 0, HEDDLE_INT64 = 1 };
enum heddle_reduce { HEDDLE_SUM = 0, HEDDLE_MEAN = 1, HEDDLE_MAX = 2 };
enum heddle_combine { HEDDLE_DOT = 0, HEDDLE_ADD = 1 };

// --- the library itself ---

// Version of this interface; a caller written for another one must not go on.
HEDDLE_API int heddle_abi_version(void);

// Message of this thread's last status other than 0.
HEDDLE_API const char* heddle_last_error(void);

// Name of the instruction set in use: "base", "avx2" or "avx512".
HEDDLE_API const char* heddle_isa(void);

// Use another instruction set, for tests; HEDDLE_INVALID where this processor lacks it.
HEDDLE_API int heddle_set_isa(const char* name);

// Threads that a call uses that doesn't say.
HEDDLE_API int heddle_num_threads(void);

// Set them; 0 for one per processor.
HEDDLE_API int heddle_set_num_threads(int64_t threads);

// --- sparse aggregation ---

// out[r] = reduce over j in row r of weight[perm[j]] x[ids[j]]. x [x_rows, heads * width], weight [edges, heads]
// or NULL, out [rows, heads * width]. MEAN divides by the row's edges.
HEDDLE_API int heddle_spmm(const void* indptr, const void* ids, const void* perm, const void* weight, const void* x, void* out,
                           int64_t rows, int64_t edges, int64_t x_rows, int64_t heads, int64_t width, int64_t dtype,
                           int64_t index, int64_t reduce, int64_t threads);

// Per edge and head, from its row of a [rows, heads * width] and its other end in b [b_rows, heads * width]:
// DOT: out [edges, heads], the product summed over width; ADD: out [edges, heads * width].
HEDDLE_API int heddle_sddmm(const void* indptr, const void* ids, const void* a, const void* b, void* out, int64_t rows,
                            int64_t edges, int64_t b_rows, int64_t heads, int64_t width, int64_t dtype, int64_t index,
                            int64_t combine, int64_t threads);

// Edges through an MLP: out[j] = relu(edges[j] first + received[r] + sent[ids[j]]) second + bias for j in row r,
// and total[r] their sum. edges [edges, in_dim], first [in_dim, hidden], received [rows, hidden], sent [sent_rows,
// hidden], second [hidden, width], bias [width], out [edges, width], total [rows, width]. in_dim may be 0. Floats
// of 32 and 64 bits.
HEDDLE_API int heddle_edge_mlp(const void* indptr, const void* ids, const void* edges, const void* first, const void* received,
                               const void* sent, const void* second, const void* bias, void* out, void* total, int64_t rows,
                               int64_t n_edges, int64_t sent_rows, int64_t in_dim, int64_t hidden, int64_t width, int64_t dtype,
                               int64_t index, int64_t threads);

// Its gradient, from those of out, of total, and of the sum of out by ids (the last two may be NULL). d_hidden
// [edges, hidden], the gradient before the activation, may lie on d_out if hidden = width; its sum by ids is that
// of sent. d_edges may be NULL. The same answer for any number of threads.
HEDDLE_API int heddle_edge_mlp_grad(const void* indptr, const void* ids, const void* edges, const void* first,
                                    const void* received, const void* sent, const void* second, const void* d_out,
                                    const void* d_total, const void* d_sent_total, void* d_hidden, void* d_edges,
                                    void* d_received, void* d_first, void* d_second, void* d_bias, int64_t rows,
                                    int64_t n_edges, int64_t sent_rows, int64_t in_dim, int64_t hidden, int64_t width,
                                    int64_t dtype, int64_t index, int64_t threads);

// The same two over the elements that attain a maximum: those where weight[e] x[sender] == largest[receiver], NaN
// equal to NaN, with largest the result of heddle_spmm(MAX). They are its derivatives. Rows of the walk are receivers,
// or senders if `transposed`, and ids the other end; x and b have a row per sender, largest and a one per receiver.
// out[r] = sum over attaining elements of factor[perm[j]] value[ids[j]]; factor, value NULL for ones.
HEDDLE_API int heddle_spmm_argmax(const void* indptr, const void* ids, const void* perm, const void* weight, const void* x,
                                  const void* largest, const void* factor, const void* value, void* out, int64_t rows,
                                  int64_t edges, int64_t other_rows, int64_t heads, int64_t width, int64_t transposed,
                                  int64_t dtype, int64_t index, int64_t threads);

// out[j, head] = sum over attaining elements of a[receiver] b[sender].
HEDDLE_API int heddle_sddmm_argmax(const void* indptr, const void* ids, const void* weight, const void* x, const void* largest,
                                   const void* a, const void* b, void* out, int64_t rows, int64_t edges, int64_t other_rows,
                                   int64_t heads, int64_t width, int64_t transposed, int64_t dtype, int64_t index,
                                   int64_t threads);

// --- segments and rows ---

// out[i] = x[ids[i]]: x [x_rows] and out [count] of row_bytes bytes each.
HEDDLE_API int heddle_gather(const void* ids, const void* x, void* out, int64_t count, int64_t x_rows, int64_t row_bytes,
                             int64_t index, int64_t threads);

// out [segments, width] = reduce of the rows of data [count, width] by ids [count], in any order; sorted ids are
// faster.
HEDDLE_API int heddle_segment_reduce(const void* ids, const void* data, void* out, int64_t count, int64_t segments,
                                     int64_t width, int64_t dtype, int64_t index, int64_t reduce, int64_t threads);

// Softmax of data [count, width] down each column within segments; a segment of -inf alone gives 0.
HEDDLE_API int heddle_segment_softmax(const void* ids, const void* data, void* out, int64_t count, int64_t segments,
                                      int64_t width, int64_t dtype, int64_t index, int64_t threads);

// Its gradient: out = y (grad - sum over the segment of y grad), for y the softmax.
HEDDLE_API int heddle_segment_softmax_grad(const void* ids, const void* y, const void* grad, void* out, int64_t count,
                                           int64_t segments, int64_t width, int64_t dtype, int64_t index, int64_t threads);

// out[r] = sum over j in row r of weight[j] kept(x[ids[j]]): x [x_rows, width], weight [edges] or NULL. Of each row
// i of x the same elements are 0 wherever it is read: column c, if 16 bits of stream (key, i), those of its word
// c / 4, are less than `dropped`; the others are multiplied by 65536 / (65536 - dropped).
HEDDLE_API int heddle_sum_rows(const void* indptr, const void* ids, const void* weight, const void* x, void* out, int64_t rows,
                               int64_t edges, int64_t x_rows, int64_t width, int64_t dropped, uint64_t key, int64_t dtype,
                               int64_t index, int64_t threads);

// owner [nodes] int32 of each node of an undirected graph, its edges from both sides in rows of `ends`: few edges
// run between parts, and none of the `parts` weighs more than `limit` in load [nodes] int64, where nodes are light
// enough.
HEDDLE_API int heddle_partition(const void* indptr, const void* ends, const void* load, void* owner, int64_t nodes,
                                int64_t edges, int64_t parts, int64_t limit, int64_t index);

// Stable sort of ids [count] in [0, values): order [count] and indptr [values + 1], of type `index`.
HEDDLE_API int heddle_index_sort(const void* ids, void* order, void* indptr, int64_t count, int64_t values, int64_t index,
                                 int64_t threads);

// Both walks of a graph from its edge list: arrays of core's Adjacency, in its order, of type `index`.
HEDDLE_API int heddle_build_adjacency(const void* senders, const void* receivers, int64_t edges, int64_t n_senders,
                                      int64_t n_receivers, void* sorted_senders, void* sorted_receivers, void* indptr,
                                      void* order, void* t_receivers, void* t_indptr, void* t_order, int64_t index,
                                      int64_t threads);

// --- grouped matrix products ---

// out [n, m] = rows of lhs [n, k] times their group's matrix: rhs [groups, k, m], or [groups, m, k] if
// `transposed`, plus bias [groups, m] unless NULL. Group g has the sizes[g] rows after those of group g -
// 1.
HEDDLE_API int heddle_segment_matmul(const void* lhs, const void* rhs, const void* bias, const void* sizes, void* out,
                                     int64_t n, int64_t groups, int64_t k, int64_t m, int64_t transposed, int64_t dtype,
                                     int64_t index, int64_t threads);

// out [groups, k, m] = per group, lhs [n, k] transposed times rhs [n, m]; an empty group gives 0.
HEDDLE_API int heddle_segment_outer(const void* lhs, const void* rhs, const void* sizes, void* out, int64_t n, int64_t groups,
                                    int64_t k, int64_t m, int64_t dtype, int64_t index, int64_t threads);

// The same for `count` products that share no array, of shapes [count, 3] = (n, k, m): outs[i] = lhs[i] rhs[i] +
// biases[i], and outs[i] = lhs[i] transposed times rhs[i]. biases, or any of them, may be NULL.
HEDDLE_API int heddle_grouped_matmul(const void* const* lhs, const void* const* rhs, const void* const* biases,
                                     void* const* outs, const int64_t* shapes, int64_t count, int64_t transposed, int64_t dtype,
                                     int64_t threads);

// The outer products of heddle_grouped_matmul.
HEDDLE_API int heddle_grouped_outer(const void* const* lhs, const void* const* rhs, void* const* outs, const int64_t* shapes,
                                    int64_t count, int64_t dtype, int64_t threads);

#if defined(__cplusplus)
}
#endif
#endif
