// The gradient of aggregate first. Of the matrices: each task owns nodes of a target and sums the rows of x once more, a
// block at a time. Of x: products of the scaled gradients go into panels, which are summed along the edges back; each
// task of that owns nodes of the source.
#include "outer_sums.hpp"

namespace heddle {
namespace {

void matrices_grad(const Call& call, const Part* first, const Part* last) {
  const heddle_bundle& b = *first->bundle;
  const int64_t in_dim = call.in_dim(*first);
  const std::vector<Task> tasks = target_tasks(call, first, last);
  int64_t chunks = 0;
  for (const Task& task : tasks) chunks = task.chunk < chunks ? chunks : task.chunk + 1;
  OuterSums sums(call, first, last, chunks);
  for (int64_t k = 0; k < chunks; ++k)
    for (const Part* part = first; part < last; ++part) sums.clear(k, part - first);
  parallel_for(static_cast<int64_t>(tasks.size()), call.threads, [&](int64_t task) {
    const auto [target, k] = tasks[static_cast<size_t>(task)];
    const Chunks nodes(call.types[target].nodes);
    const int64_t most = block_rows(in_dim), chunk = k;
    const Scratch block(most * in_dim * call.bytes, call.problem);
    if (!block) return;
    for (const Part* part = first; part < last; ++part) {
      if (part->target != target) continue;
      const auto [from, to] = call.rows_within(*part, nodes.first(k), nodes.last(k));
      const Rows grad{call.grad[static_cast<size_t>(target)], call.width, part->receivers, part->first_row};
      for_blocks(part->first_row + from, part->first_row + to, most, [&](int64_t row, int64_t end) {
        const Rows sums_of_block{block.data(), in_dim, nullptr, row};
        RowGather g = call.walk(*part, false);
        g.data = call.types[b.source].x, g.stride = in_dim, g.columns = in_dim, g.scale = b.scale, g.out = sums_of_block;
        if (call.gather(g, row, end, 0, b.columns)) sums.add(chunk, part - first, sums_of_block, grad, row, end);
      });
    }
  });
  sums.finish();
}

// panels [rows, in_dim in whole vectors] = scale * gradient of the receiver, times the transposed matrix.
void fill_panels(const Call& call, const Part* first, const Part* last, char* panels) {
  constexpr int64_t PIECE = 512;
  const int64_t in_dim = call.in_dim(*first), wide = call.padded(in_dim), matrix_bytes = call.packed_bytes(*first, true);
  const Memory packed((last - first) * matrix_bytes);
  call.pack(first, last, true, packed.data());
  std::vector<std::pair<const Part*, int64_t>> tasks;
  for (const Part* part = first; part < last; ++part)
    for (int64_t row = 0; row < part->rows; row += PIECE) tasks.emplace_back(part, row);
  parallel_for(static_cast<int64_t>(tasks.size()), call.threads, [&](int64_t task) {
    const auto [part, row] = tasks[static_cast<size_t>(task)];
    const Rows grad{call.grad[static_cast<size_t>(part->target)], call.width, part->receivers, 0};
    const Rows panel{call.at(panels, (part->first_row - first->first_row) * wide), wide, nullptr, 0};
    RowProduct p = call.product(grad, packed.data() + (part - first) * matrix_bytes, call.out_dim, panel, wide);
    p.scale = part->bundle->scale ? call.at(part->bundle->scale, part->first_row) : nullptr;
    HEDDLE_PICK(relational_product)(p, row, row + PIECE < part->rows ? row + PIECE : part->rows);
  });
}

// x_grad += sums of panels. A column's edges go to rows of all relations, in their order, so that `begin` says for each
// column where the group's begin, and is moved on to where they end.
void sum_panels(const Call& call, const Part* first, const Part* last, const char* panels, void* begin) {
  const heddle_bundle& b = *first->bundle;
  const int64_t wide = call.padded(call.in_dim(*first)), low = first->first_row, high = (last - 1)->first_row + (last - 1)->rows;
  for_chunks(call, b.columns, [&](int64_t, int64_t from, int64_t to) {
    with_index(call.index, [&](auto tag) {
      using I = untag<decltype(tag)>;
      const Scratch ends((to - from) * static_cast<int64_t>(sizeof(I)), call.problem);
      if (!ends) return;
      const I *const ids = static_cast<const I*>(b.t_ids), *const stops = static_cast<const I*>(b.t_indptr) + 1;
      I *const starts = static_cast<I*>(begin) + from, *const end = reinterpret_cast<I*>(ends.data());
      for (int64_t c = 0; c < to - from; ++c) {
        const int64_t stop = stops[from + c];
        int64_t e = starts[c];
        for (; e < stop && ids[e] < high; ++e)
          if (ids[e] < low) return call.problem.bad_id(ids[e], low, high);
        if (e < stop && high == b.rows) return call.problem.bad_id(ids[e], low, high);  // no group comes after this
        end[c] = static_cast<I>(e);
      }
      RowGather g = call.walk(*first, true);
      g.begin = starts, g.end = end, g.data = panels, g.stride = wide, g.columns = call.in_dim(*first), g.add = true;
      g.out = {call.types[b.source].x_grad, call.in_dim(*first), nullptr, -from};
      HEDDLE_PICK(relational_gather)(g, 0, to - from);
      std::memcpy(starts, end, static_cast<size_t>(to - from) * sizeof(I));
    });
  });
}

}  // namespace

void aggregate_first_grad(const Call& call, const Part* first, const Part* last, void* begin) {
  if (first->bundle->matrices_grad) matrices_grad(call, first, last);
  if (!call.types[first->bundle->source].x_grad) return;
  const int64_t rows = (last - 1)->first_row + (last - 1)->rows - first->first_row;
  const Memory panels(rows * call.padded(call.in_dim(*first)) * call.bytes);
  fill_panels(call, first, last, panels.data());
  sum_panels(call, first, last, panels.data(), begin);
}

}  // namespace heddle
