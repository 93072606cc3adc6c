// Sums over relations, fused: y[t] = x[t] root[t] + bias[t] + sum over relations r into t of A_r x[s] W_r, and its
// gradient. The structure is that of heddle/ops/relational/bundle.py.
//
// Conventions as in heddle_kernels.h, with values in float32 or float64 only. Results don't depend on the number of
// threads.
//
// Printed by `python -m heddle_kernels.calls` from heddle_kernels/calls: edit it there.
#ifndef HEDDLE_RELATIONAL_H
#define HEDDLE_RELATIONAL_H

#include "heddle_kernels.h"

#if defined(__cplusplus)
extern "C" {
#endif

// A node type. Pointers may be NULL where they say so; a type that is never entered may have y = NULL.
struct heddle_node_type {
  const void* x;            // [nodes, in_dim]; NULL for a type without features
  const void* root;         // [in_dim, out_dim], or [nodes, out_dim] without features; NULL for none
  const void* bias;         // [out_dim], or NULL
  void* y;                  // [nodes, out_dim]: the result; read by the gradient if `relu`
  const void* grad;         // [nodes, out_dim]: the gradient of y, or NULL for none
  void* x_grad;             // gradients to be written; NULL for those that nobody wants
  void* root_grad;
  void* bias_grad;
  int64_t nodes;
  int64_t in_dim;
};

// Relations of one source type that go one way, relation after relation.
struct heddle_bundle {
  const void* indptr;       // [rows + 1], of type `index`
  const void* ids;          // [edges] columns
  const void* t_indptr;     // the way back: [columns + 1]
  const void* t_ids;        // [edges] rows
  const void* t_order;      // [edges] positions in ids; NULL if weight is
  const void* weight;       // [edges], or NULL for ones
  const void* scale;        // [rows], or NULL for ones
  const void* sources;      // [columns] row of x that a column stands for, ascending within a relation; NULL for all rows of x
                            // for each relation
  const void* matrices;     // [n_matrices, in_dim, out_dim], or [n_matrices, nodes, out_dim] for a source without features
  void* matrices_grad;      // those of its relations are written; or NULL
  const int64_t* table;     // [relations, 3]: place among the bundle's targets, columns, rows
  const int64_t* order;     // [relations] place of each one's matrix, another for each; NULL for one after the other
  int64_t source;           // its place among the types
  int64_t edges;
  int64_t columns;
  int64_t rows;
  int64_t relations;
  int64_t n_matrices;
  int64_t targets;
  int64_t aggregate_first;  // columns are rows of x for all relations alike; else a relation's columns are its own
};

// A target of a bundle.
struct heddle_target {
  const void* receivers;    // [rows] node that each row belongs to, relation after relation, ascending within each; NULL for a
                            // row for each node in every relation
  int64_t rows;
  int64_t type;             // its place among the types
};

// targets: those of the first bundle, then those of the next. relu: y = max(y, 0). known: 1 if an earlier call of
// the same function with 0 found all ids in range, and these are the same still: they are not checked again.
HEDDLE_API int heddle_relational_conv(const struct heddle_node_type* types, int64_t n_types,
                                      const struct heddle_bundle* bundles, int64_t n_bundles,
                                      const struct heddle_target* targets, int64_t out_dim, int64_t relu, int64_t dtype,
                                      int64_t index, int64_t threads, int64_t known);

// Its gradient.
HEDDLE_API int heddle_relational_conv_grad(const struct heddle_node_type* types, int64_t n_types,
                                           const struct heddle_bundle* bundles, int64_t n_bundles,
                                           const struct heddle_target* targets, int64_t out_dim, int64_t relu, int64_t dtype,
                                           int64_t index, int64_t threads, int64_t known);

#if defined(__cplusplus)
}
#endif
#endif
