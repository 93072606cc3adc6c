// Segment ids turned into a walk over segments, whether the ids are sorted or not.
#pragma once
#include <vector>

#include "csr.hpp"

namespace heddle {

// Whether no id is smaller than the one before it.
template <class I> bool is_sorted(const I* ids, int64_t count, int64_t threads);
// Stable counting sort of ids in [0, values), which the caller has checked: order [count] and indptr [values + 1].
template <class I, class P> void counting_sort(const I* ids, P* order, P* indptr, int64_t count, int64_t values, int64_t threads);
// Row pointers of ids that are sorted.
template <class I, class P> void pointers(const I* ids, P* indptr, int64_t count, int64_t values, int64_t threads);
// Check that positions of so many ids fit into the ids' type.
int check_count(const char* op, int64_t count, int64_t index);

// A walk and the memory it points into.
class Segments {
 public:
  // Check ids and build the walk: ids and perm are the data's rows by segment, or NULL if they lie in that order.
  int build(const char* op, const void* ids, int64_t count, int64_t segments, int64_t index, int64_t threads);
  Walk walk;

 private:
  std::vector<unsigned char> memory;
};

}  // namespace heddle
