// What simd/ offers to the rest: one function per op, compiled once for each instruction set.
#pragma once
#include <cstdint>
#include <vector>

#include "../csr.hpp"
#include "../isa.hpp"

namespace heddle {

// Fields as the arguments of heddle_spmm.
struct Spmm {
  Walk walk;
  const void* weight;
  const void* x;
  void* out;
  int64_t heads;
  int64_t width;
  int64_t dtype;
  int64_t reduce;
};

// Fields as the arguments of heddle_sum_rows.
struct SumRows {
  Walk walk;
  const void* weight;
  const void* x;
  void* out;
  int64_t width;
  int64_t dropped;
  uint64_t key;
  int64_t dtype;
};

// Fields as the arguments of heddle_sddmm.
struct Sddmm {
  Walk walk;
  const void* a;
  const void* b;
  void* out;
  int64_t heads;
  int64_t width;
  int64_t dtype;
  int64_t combine;
};

// heddle_spmm_argmax, with a for `factor` and b for `value`, and heddle_sddmm_argmax.
struct Argmax {
  Walk walk;
  const void* weight;
  const void* x;
  const void* largest;
  const void* a;
  const void* b;
  void* out;
  int64_t heads;
  int64_t width;
  int64_t dtype;
  bool transposed;
};

// Softmax of data [edges, width] down the rows of the walk, or, where grad is given, its gradient with data the softmax.
struct Softmax {
  Walk walk;
  const void* data;
  const void* grad;
  void* out;
  int64_t width;
  int64_t dtype;
};

// out [n, m] = a [n, k] b + bias [m], with b [k, m], or [m, k] if `transposed`. For an outer product: out [k, m] = a
// transposed times b [n, m]. Either is added to what is there if `add`.
struct Product {
  const void* a;
  const void* b;
  const void* bias;
  void* out;
  int64_t n;
  int64_t k;
  int64_t m;
  bool transposed;
  bool add = false;
};

// Fields as the arguments of heddle_edge_mlp, and what heddle_edge_mlp_grad adds to them.
struct EdgeMlp {
  Walk walk;
  const void* edges;
  const void* first;
  const void* received;
  const void* sent;
  const void* second;
  const void* bias;
  void* out;
  void* total;
  int64_t in;
  int64_t hidden;
  int64_t width;
  int64_t dtype;
};
struct EdgeMlpGrad {
  const void* d_out;
  const void* d_total;
  const void* d_sent_total;
  void* d_hidden;
  void* d_edges;
  void* d_received;
  void* d_first;
  void* d_second;
  void* d_bias;
};

// *_rows work on rows [first, last), whose ids and perm have been checked.
#define HEDDLE_DECLARE(isa)                                                                              \
  namespace isa {                                                                                        \
  /* Position in [first, last) of an id out of [0, bound), or -1. */                                     \
  int64_t bad_id(const void* ids, int64_t first, int64_t last, int64_t bound, int64_t index);                \
  void spmm_rows(const Spmm& op, int64_t first, int64_t last);                                           \
  void sum_rows(const SumRows& op, int64_t first, int64_t last);                                         \
  /* sum [n] += row [n]; row [n] *= by. */                                                               \
  void add_row(const float* row, int64_t n, float* sum);                                                 \
  void scale_row(float* row, int64_t n, float by);                                                       \
  void sddmm_rows(const Sddmm& op, int64_t first, int64_t last);                                         \
  void spmm_argmax_rows(const Argmax& op, int64_t first, int64_t last);                                        \
  void sddmm_argmax_rows(const Argmax& op, int64_t first, int64_t last);                                       \
  void softmax_rows(const Softmax& op, int64_t first, int64_t last);                                     \
  /* Values in a vector, and values of scratch that `rows` rows need. */                                 \
  int64_t matmul_lanes(int64_t dtype);                                                                   \
  int64_t matmul_scratch(const Product& p, int64_t rows, int64_t dtype);                                 \
  void matmul_rows(const Product& p, int64_t first, int64_t last, int64_t dtype, void* scratch);         \
  /* sums [k, m padded to whole vectors] of these rows; then the end of the outer product from all. */   \
  void outer_rows(const Product& p, int64_t first, int64_t last, int64_t dtype, void* scratch, void* sums); \
  void outer_finish(const Product& p, const void* sums, int64_t parts, int64_t dtype);                   \
  /* Values that a part's sums and its scratch take; the sums of all parts become d_first, d_second, d_bias. */ \
  int64_t edge_mlp_sums(const EdgeMlp& op);                                                              \
  int64_t edge_mlp_scratch(const EdgeMlp& op);                                                           \
  void edge_mlp_rows(const EdgeMlp& op, int64_t first, int64_t last, void* scratch);                     \
  void edge_mlp_grad_rows(const EdgeMlp& op, const EdgeMlpGrad& grad, int64_t first, int64_t last, void* scratch, void* sums); \
  void edge_mlp_grad_finish(const EdgeMlp& op, const EdgeMlpGrad& grad, const void* sums, int64_t parts); \
  }

HEDDLE_DECLARE(base)
#if defined(HEDDLE_X86)
HEDDLE_DECLARE(avx2)
HEDDLE_DECLARE(avx512)
#endif
#undef HEDDLE_DECLARE


// Check the walk and run all rows of an op whose other arguments were checked; `name` goes into errors.
int spmm(const char* name, const Spmm& op, int64_t threads);

// Compute many products, or outer products, sharing their rows among threads. Answers don't depend on their number.
int matmul(const std::vector<Product>& products, int64_t dtype, int64_t threads);
int outer(const std::vector<Product>& products, int64_t dtype, int64_t threads);

}  // namespace heddle
