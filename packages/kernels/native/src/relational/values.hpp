// Plain loops over the rows of results and gradients, which are few beside the edges.
#pragma once
#include "call.hpp"

namespace heddle {

// Call body(chunk, first row, last row) for each chunk of `nodes` rows, in parallel.
template <class F> void for_chunks(const Call& call, int64_t nodes, F&& body) {
  const Chunks chunks(nodes);
  parallel_for(chunks.count, call.threads, [&](int64_t k) { body(k, chunks.first(k), chunks.last(k)); });
}

}  // namespace heddle
