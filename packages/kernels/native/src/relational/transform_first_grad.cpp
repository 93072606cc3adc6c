// The gradient of transform first. The gradients of a group's rows, scaled, go into panels; then each task owns nodes of
// the source, sums the panels for them, and makes both products of the sums.
#include <algorithm>

#include "outer_sums.hpp"
#include "schedule.hpp"

namespace heddle {
namespace {

// Rows of panels: scale[row] times the gradient of the row's receiver.
void fill_panels(const Call& call, const Part* first, const Part* last, char* panels) {
  constexpr int64_t PIECE = 2048;
  std::vector<std::pair<const Part*, int64_t>> tasks;
  for (const Part* part = first; part < last; ++part)
    for (int64_t row = 0; row < part->rows; row += PIECE) tasks.emplace_back(part, row);
  parallel_for(static_cast<int64_t>(tasks.size()), call.threads, [&](int64_t task) {
    const auto [part, row] = tasks[static_cast<size_t>(task)];
    const Rows grad{call.grad[static_cast<size_t>(part->target)], call.width, part->receivers, 0};
    char* const panel = call.at(panels, (part->first_row - first->first_row) * call.width);
    const void* const scale = part->bundle->scale ? call.at(part->bundle->scale, part->first_row) : nullptr;
    const int64_t end = row + PIECE < part->rows ? row + PIECE : part->rows;
    HEDDLE_PICK(relational_scale)({grad, call.width, scale, panel, call.dtype, call.index}, row, end);
  });
}

// Without features the gradient of a relation's table is the sum of its panel, row by row.
void table_grad(const Call& call, const Part* first, const Part* last, const char* panels) {
  for (const Part* part = first; part < last; ++part)
    for_chunks(call, part->columns, [&](int64_t, int64_t from, int64_t to) {
      RowGather g = call.walk(*part, true);
      g.data = call.at(panels, (part->first_row - first->first_row) * call.width);
      g.stride = call.width, g.columns = call.out_dim;
      g.out = {call.matrix_grad(*part), call.out_dim, nullptr, part->first_column};
      const int64_t low = part->first_row, high = low + part->rows;
      call.gather(g, part->first_column + from, part->first_column + to, low, high);
    });
}

// The two products with the gradients of a block of the source's rows, which lie in `rows_of_block`: those of relation i begin with
// column i * width.
struct Products {
  const Call& call;
  int64_t in_dim, matrix_bytes;
  const char* packed;  // matrices transposed

  void to_x(int64_t relation, const Rows& rows_of_block, const Rows& x_grad, int64_t first, int64_t last) const {
    RowProduct p = call.product(rows_of_block, packed + relation * matrix_bytes, call.out_dim, x_grad, in_dim);
    p.add = true;
    HEDDLE_PICK(relational_product)(p, first, last);
  }
};

RowGather walk_back(const Call& call, const Part& part, const Part* first, const char* panels, const Rows& out) {
  RowGather g = call.walk(part, true);
  g.data = call.at(panels, (part.first_row - first->first_row) * call.width);
  g.stride = call.width, g.columns = call.width, g.out = out;
  return g;
}

// Relations that each have all rows of x: their gradients of these rows are laid side by side, some chunks of rows at a
// time, so that x is read once for all of them.
void side_by_side(const Call& call, const Part* first, const Part* last, const char* panels, const Products& products) {
  constexpr int64_t NEAR = 8 << 20;  // bytes of what is laid side by side
  const heddle_node_type& source = call.types[first->bundle->source];
  const Chunks chunks(source.nodes);
  const int64_t count = last - first, wide = count * call.width, in_dim = source.in_dim;
  const int64_t at_once = std::min(chunks.count, std::max<int64_t>(1, NEAR / (chunks.size * wide * call.bytes)));
  OuterSums sums(call, first, last, chunks.count, true);
  const Memory rows(std::min(at_once * chunks.size, source.nodes) * wide * call.bytes);
  for (int64_t from = 0; from < chunks.count && call.problem.none(); from += at_once) {
    const int64_t some = std::min(at_once, chunks.count - from), node = chunks.first(from);
    const std::vector<int64_t> each(static_cast<size_t>(count), some);
    by_relation(count, call.threads, each, [&](int64_t i, int64_t chunk) {
      const Part& part = first[i];
      const int64_t k = from + chunk, column = part.first_column, low = part.first_row;
      const Rows out{call.at(rows.data(), i * call.width), wide, nullptr, column + node};
      const RowGather g = walk_back(call, part, first, panels, out);
      if (chunk == 0) bring_near(g.data, part.rows * call.width * call.bytes);
      call.gather(g, column + chunks.first(k), column + chunks.last(k), low, low + part.rows);
    });
    if (!call.problem.none()) return;
    parallel_for(some, call.threads, [&](int64_t task) {
      const int64_t k = from + task;
      const Rows x{source.x, in_dim, nullptr, 0}, x_grad{source.x_grad, in_dim, nullptr, 0};
      if (sums.wanted()) sums.clear(k, 0);
      for_blocks(chunks.first(k), chunks.last(k), BLOCK / 2, [&](int64_t begin, int64_t end) {
        if (sums.wanted()) sums.add(k, 0, x, {rows.data(), wide, nullptr, node}, begin, end);
        for (int64_t i = 0; i < count && source.x_grad; ++i)
          products.to_x(i, {call.at(rows.data(), i * call.width), wide, nullptr, node}, x_grad, begin, end);
      });
    });
  }
  sums.finish();
}

// Relations that each have rows of x of their own. Where these have no gradient, and are few in each relation, a task is
// a relation; else it is a chunk of rows of x, which take what relations add in turns.
void one_by_one(const Call& call, const Part* first, const Part* last, const char* panels, const Products& products) {
  constexpr int64_t FEW = 4096;
  const heddle_bundle& b = *first->bundle;
  const heddle_node_type& source = call.types[b.source];
  const Chunks chunks(source.nodes);
  const int64_t in_dim = source.in_dim;
  const bool whole = !source.x_grad && std::all_of(first, last, [](const Part& part) { return part.columns <= FEW; });
  OuterSums sums(call, first, last, whole ? 1 : chunks.count);
  const auto some = [&](const Part& part, int64_t chunk, int64_t from, int64_t to) {
    const int64_t most = block_rows(call.width), column = part.first_column, low = part.first_row, high = low + part.rows;
    const Scratch block(most * call.width * call.bytes, call.problem);
    if (!block) return;
    if (sums.wanted()) sums.clear(chunk, &part - first);
    const void* const sources = call.id_at(b.sources, column);
    const Rows x{source.x, in_dim, sources, column}, x_grad{source.x_grad, in_dim, sources, column};
    for_blocks(column + from, column + to, most, [&](int64_t begin, int64_t end) {
      const Rows rows_of_block{block.data(), call.width, nullptr, begin};
      if (!call.gather(walk_back(call, part, first, panels, rows_of_block), begin, end, low, high)) return;
      if (sums.wanted()) sums.add(chunk, &part - first, x, rows_of_block, begin, end);
      if (source.x_grad) products.to_x(&part - first, rows_of_block, x_grad, begin, end);
    });
  };
  if (whole) {
    parallel_for(last - first, call.threads, [&](int64_t i) { some(first[i], 0, 0, first[i].columns); });
  } else {
    Schedule schedule(call, first, last, [&](const Part&) { return b.source; });
    parallel_for((last - first) * chunks.count, call.threads, [&](int64_t task) {
      const int64_t i = task / chunks.count, k = task % chunks.count;
      const auto [from, to] = call.columns_within(first[i], chunks.first(k), chunks.last(k));
      schedule.take(i, k, [&] { some(first[i], k, from, to); });
    });
  }
  sums.finish();
}

}  // namespace

void transform_first_grad(const Call& call, const Part* first, const Part* last) {
  const heddle_bundle& b = *first->bundle;
  const heddle_node_type& source = call.types[b.source];
  const int64_t rows = (last - 1)->first_row + (last - 1)->rows - first->first_row;
  const Memory panels(rows * call.width * call.bytes);
  fill_panels(call, first, last, panels.data());
  if (!source.x) {
    if (b.matrices_grad) table_grad(call, first, last, panels.data());
    return;
  }
  const int64_t count = last - first, matrix_bytes = call.packed_bytes(*first, true);
  const Memory packed(source.x_grad ? count * matrix_bytes : 0);
  if (source.x_grad) call.pack(first, last, true, packed.data());
  const Products products{call, source.in_dim, matrix_bytes, packed.data()};
  (b.sources ? one_by_one : side_by_side)(call, first, last, panels.data(), products);
}

}  // namespace heddle
