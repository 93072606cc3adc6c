// A graph that grows while it is read: one thread appends, any number sample from what was published when they
// began, without a lock.
//
// Conventions as in heddle_kernels.h. Node types and relations go by their place in the graph.
//
// Printed by `python -m heddle_kernels.calls` from heddle_kernels/calls: edit it there.
#ifndef HEDDLE_LIVE_H
#define HEDDLE_LIVE_H

#include "heddle_sampling.h"

#if defined(__cplusplus)
extern "C" {
#endif

typedef struct heddle_live heddle_live;

// Rows of one width in two arrays, one behind the other, and in blocks that are added while others read.
struct heddle_rows {
  const void* first;        // [n_first, width]
  const void* second;       // [n_second, width], or NULL
  const void* const* blocks; // of `block` rows each, or NULL
  int64_t n_first;
  int64_t n_second;
  int64_t block;
  int64_t width;
};

// What nodes of a type, or rows of a relation, bring to a model.
struct heddle_columns {
  const struct heddle_rows* x; // float, or NULL
  const struct heddle_rows* codes; // int32, or NULL
  const struct heddle_rows* changed_x; // by the number of a change
  const struct heddle_rows* changed_codes; // the same
  const float* const* tables; // [columns of codes], embeddings of each
  const int64_t* table_rows; // [columns of codes]
  const int64_t* table_widths; // [columns of codes]
  const void* rows;         // of a relation, the row at each of the base's positions; NULL for the position itself
};

// A model whose layers are y[t] = x[t] root + bias + the sum over relations into t of mean(x[s]) weight +
// mean(columns of the edges) edge_weight, float matrices [in, out]; between layers negative values become 0.
struct heddle_plan {
  const struct heddle_columns* const* columns; // [types + relations]
  const int64_t* sizes;     // [relations, layers], edges to draw; -1 for all
  const float* const* roots; // [layers, types], NULL for none
  const float* const* biases; // [layers, types], NULL for none
  const float* const* weights; // [layers, relations], NULL for none
  const float* const* edge_weights; // [layers, relations], NULL for none
  const int64_t* ids;       // [types], rows of the tables that stand for features in the first layer; 0: features
  const int64_t* widths;    // [layers], of what each layer gives
  int64_t layers;
  int64_t window;           // as in heddle_sample_request
  uint64_t key;
  int32_t replace;
  int32_t newest;
  int32_t first_hop;
};

// A live graph of a checked base, whose arrays must outlive it. room [types]: nodes that it may come to have,
// the base's included; entries take 32 bytes each, and 4 bytes each node of a relation's target type.
HEDDLE_API int heddle_live_new(heddle_sample_graph* base, const int64_t* room, int64_t capacity, heddle_live** live);

HEDDLE_API void heddle_live_free(heddle_live* live);

// Of nodes after the base's, passed before they are appended: when they came into being, time [n], and what
// draws know them by, hash [n]; NULL where the type has none.
HEDDLE_API int heddle_live_nodes(heddle_live* live, int64_t type, int64_t first, int64_t n, const int64_t* time,
                                 const uint64_t* hash);

// Append n entries and publish them together, with n_node [types] nodes. Of an edge, list is its relation, node
// its receiver and other its sender; of a change of a node's features list is relations + type, other the change's
// number. One thread at a time. A refused call appends nothing.
HEDDLE_API int heddle_live_append(heddle_live* live, int64_t n, const int64_t* list, const int64_t* node, const int64_t* other,
                                  const int64_t* time, const int64_t* row, const int64_t* n_node);

// How many entries upto [1] and nodes n_node [types] are published.
HEDDLE_API int heddle_live_published(const heddle_live* live, int64_t* upto, int64_t* n_node);

// heddle_neighbor_sample of the graph with its first `upto` entries merged in, by time, behind the base's of
// the same time. Edges go by their position in the base, or the base's edges + the entry.
HEDDLE_API int heddle_live_sample(const heddle_live* live, heddle_sample* sample, const struct heddle_sample_request* request,
                                  int64_t upto, const int64_t* n_node);

// rows [n]: the row of each of entries [n].
HEDDLE_API int heddle_live_rows(const heddle_live* live, int64_t n, const int64_t* entries, int64_t* rows);

// latest [n]: the number of the latest change of each of nodes [n] by time [n] (NULL: of all times), -1 for
// none; of equal times, the one that arrived last.
HEDDLE_API int heddle_live_latest(const heddle_live* live, int64_t type, int64_t upto, int64_t n, const int64_t* nodes,
                                  const int64_t* time, int64_t* latest);

// last [n]: when the newest edge of a relation into each of nodes [n] came into being, no later than time [n];
// INT64_MIN for none.
HEDDLE_API int heddle_live_last(const heddle_live* live, int64_t relation, int64_t upto, int64_t n, const int64_t* nodes,
                                const int64_t* time, int64_t* last);

// out [seeds, width of the last layer]: what a model gives of seeds, of all types one type after the other,
// n_seeds [types], at seed_time [seeds] (NULL: all times), from the first `upto` entries and n_node [types] nodes. A
// seed may be the first number that no node has. Draws are those of a layered sample, a row's bits those that it has
// alone, on however many threads; the sample stays in `sample`.
HEDDLE_API int heddle_live_embed(const heddle_live* live, heddle_sample* sample, const struct heddle_plan* plan, int64_t upto,
                                 const int64_t* n_node, const int64_t* n_seeds, const int64_t* seeds, const int64_t* seed_time,
                                 int64_t threads, float* out);

// The rows of the edges of a sample, each once, ascending, of all relations one after the other: counts
// [relations] and rows [sum of counts], of which `capacity` are written at most.
HEDDLE_API int heddle_live_used(const heddle_live* live, const heddle_sample* sample, const struct heddle_plan* plan,
                                int64_t capacity, int64_t* rows, int64_t* counts);

// indptr [receivers + 1] of a relation with its first `upto` entries.
HEDDLE_API int heddle_live_count(const heddle_live* live, int64_t relation, int64_t upto, int64_t receivers, int64_t* indptr);

// Edges of receivers [first, last) with the first `upto` entries: senders, time (NULL for none) and rows, as
// `index` of the relation. base_rows: the row at each of the base's positions, NULL for the position itself.
HEDDLE_API int heddle_live_merge(const heddle_live* live, int64_t relation, int64_t upto, int64_t first, int64_t last,
                                 const void* base_rows, void* senders, int64_t* time, void* rows);

#if defined(__cplusplus)
}
#endif
#endif
