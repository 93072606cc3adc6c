// Neighbour sampling as core defines it (heddle/sampling): the same samples, bit for bit, on any number of
// threads.
//
// Conventions as in heddle_kernels.h. Node types and relations go by their place in the graph.
//
// Printed by `python -m heddle_kernels.calls` from heddle_kernels/calls: edit it there.
#ifndef HEDDLE_SAMPLING_H
#define HEDDLE_SAMPLING_H

#include "heddle_kernels.h"

#if defined(__cplusplus)
extern "C" {
#endif

// The in-edges of one relation: receiver r owns positions indptr[r] to indptr[r + 1].
struct heddle_in_edges {
  const void* indptr;       // [nodes of target + 1], of type `index`
  const void* senders;      // [edges], of type `index`
  const void* weight;       // [edges], of type `weight_dtype` (FLOAT32 or FLOAT64), or NULL
  const int64_t* time;      // [edges], or NULL
  int64_t edges;
  int32_t source;
  int32_t target;
  int32_t index;
  int32_t weight_dtype;
};

// What is to be sampled.
struct heddle_sample_request {
  const int64_t* seeds;     // of all types, one type after the other
  const int64_t* n_seeds;   // [types]
  const int64_t* first_tree; // [types], number of the tree of each type's first seed
  const int64_t* seed_time; // by number of tree, or NULL
  const uint64_t* roots;    // by number of tree, what a layered sample's draws depend on beside the node, or NULL
  const int64_t* sizes;     // [relations, hops], -1 for all; in heddle_budget_sample [types, hops]
  const int32_t* leaves;    // [types], whose nodes aren't entered in the last hop, or NULL for none
  int64_t hops;
  int64_t most;             // heddle_budget_sample: in-edges of a node that count, -1 for all
  int64_t window;           // edges of relations with times that became eligible longer before the seed's time aren't taken; 0
                            // for all
  uint64_t key;
  int32_t replace;
  int32_t trees;
  int32_t induced;
  int32_t newest;
  int32_t layered;
  int32_t threads;
  int32_t first_hop;        // the number of the first hop, which draws depend on
};

// A graph, checked once: row pointers rise, ids are in range, weights are finite and not
// negative. Its arrays stay the caller's and must outlive it unchanged. Any number of threads may sample from it at
// a time.
typedef struct heddle_sample_graph heddle_sample_graph;

HEDDLE_API int heddle_sample_graph_new(const int64_t* n_node, const int64_t* const* node_time,
                                       const uint64_t* const* key_hashes, int64_t types,
                                       const struct heddle_in_edges* relations, int64_t n_relations, int64_t threads,
                                       heddle_sample_graph** graph);

HEDDLE_API void heddle_sample_graph_free(heddle_sample_graph* graph);

// A sample, and the memory that the next one will be drawn in: one thread's at a time.
typedef struct heddle_sample heddle_sample;

HEDDLE_API int heddle_sample_new(const heddle_sample_graph* graph, heddle_sample** sample);

HEDDLE_API void heddle_sample_free(heddle_sample* sample);

// Draw a sample, hop by hop.
HEDDLE_API int heddle_neighbor_sample(const heddle_sample_graph* graph, heddle_sample* sample,
                                      const struct heddle_sample_request* request);

// Draw nodes of each type, layer by layer.
HEDDLE_API int heddle_budget_sample(const heddle_sample_graph* graph, heddle_sample* sample,
                                    const struct heddle_sample_request* request);

// Sizes of what was drawn: nodes_per_hop [types, hops + 1], edges_per_hop [relations, hops], or
// [relations, 1] if the edges are induced.
HEDDLE_API int heddle_sample_sizes(const heddle_sample* sample, int64_t* nodes_per_hop, int64_t* edges_per_hop);

// What was drawn, as `index`: all types' nodes and (unless NULL) trees, all relations' edges, one after the
// other. Senders are positions among the nodes; of leaves, ids in the graph.
HEDDLE_API int heddle_sample_read(const heddle_sample* sample, void* nodes, void* tree, void* senders, void* receivers,
                                  void* edges, int64_t index, int64_t threads);

// out [count, length + 1], as `index`: walks over the one relation of `graph` from start [count].
HEDDLE_API int heddle_random_walk(const heddle_sample_graph* graph, const int64_t* start, void* out, int64_t count,
                                  int64_t length, double p, double q, uint64_t key, int64_t index, int64_t threads);

#if defined(__cplusplus)
}
#endif
#endif
