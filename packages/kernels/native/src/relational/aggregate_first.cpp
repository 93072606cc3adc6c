// Aggregate first: each task owns nodes of a target, sums the rows of x for a block of them, and multiplies the block
// while it is in cache. Nothing is stored for all rows.
#include "call.hpp"

namespace heddle {

void aggregate_first(const Call& call, const Part* first, const Part* last) {
  const heddle_bundle& b = *first->bundle;
  const int64_t in_dim = call.in_dim(*first), matrix_bytes = call.packed_bytes(*first, false);
  const Memory packed((last - first) * matrix_bytes);
  call.pack(first, last, false, packed.data());
  const std::vector<Task> tasks = target_tasks(call, first, last);
  parallel_for(static_cast<int64_t>(tasks.size()), call.threads, [&](int64_t task) {
    const auto [target, k] = tasks[static_cast<size_t>(task)];
    const Chunks chunks(call.types[target].nodes);
    const int64_t most = block_rows(in_dim);
    const Scratch sums(most * in_dim * call.bytes, call.problem);
    if (!sums) return;
    for (const Part* part = first; part < last; ++part) {
      if (part->target != target) continue;
      const auto [from, to] = call.rows_within(*part, chunks.first(k), chunks.last(k));
      const Rows y{call.y[static_cast<size_t>(target)], call.width, part->receivers, part->first_row};
      for_blocks(part->first_row + from, part->first_row + to, most, [&](int64_t row, int64_t end) {
        const Rows block{sums.data(), in_dim, nullptr, row};
        RowGather g = call.walk(*part, false);
        g.data = call.types[b.source].x, g.stride = in_dim, g.columns = in_dim, g.scale = b.scale, g.out = block;
        if (!call.gather(g, row, end, 0, b.columns)) return;
        RowProduct p = call.product(block, packed.data() + (part - first) * matrix_bytes, in_dim, y, call.width);
        p.add = true;
        HEDDLE_PICK(relational_product)(p, row, end);
      });
    }
  });
}

}  // namespace heddle
