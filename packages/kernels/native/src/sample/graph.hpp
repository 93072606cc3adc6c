// The graph a sampler reads.
#pragma once
#include <cstdint>
#include <vector>

#include "../types.hpp"
#include "heddle_sampling.h"

namespace heddle {

// One relation, its arrays typed by the caller's `index` when they are read: see with_index.
struct Relation : heddle_in_edges {
  const int64_t* sender_time;      // [nodes of source], or NULL
  const uint64_t* receiver_hash;   // [nodes of target], what draws know them by, or NULL for their ids
  bool by_time;                    // in every row, edges come in the order in which they became eligible
  bool by_sender;                  // in every row, senders ascend
  std::vector<uint64_t> unsorted;  // where not by_time, a bit for each row that isn't in that order

  bool timed() const { return time || sender_time; }
  bool row_by_time(int64_t row) const { return by_time || !(unsorted[row >> 6] >> (row & 63) & 1); }
  double weight_of(int64_t edge) const {
    return weight_dtype == HEDDLE_FLOAT32 ? static_cast<const float*>(weight)[edge]
                                          : static_cast<const double*>(weight)[edge];
  }
  // When an edge became eligible: once it and its sender were there.
  template <class I>
  int64_t time_of(int64_t edge) const {
    const int64_t of_edge = time ? time[edge] : INT64_MIN;
    const int64_t of_sender = sender_time ? sender_time[static_cast<const I*>(senders)[edge]] : INT64_MIN;
    return of_edge > of_sender ? of_edge : of_sender;
  }
};

}  // namespace heddle

struct heddle_sample_graph {
  std::vector<int64_t> n_node;
  std::vector<heddle::Relation> relations;
};
