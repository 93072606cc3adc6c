// Transform first: products go into panels that stay in cache, and are summed along edges from there. Each task of the
// second step owns nodes of a target, whatever the relation.
#include <algorithm>

#include "schedule.hpp"

namespace heddle {
namespace {

constexpr int64_t PIECE = 512;  // rows of a product in one task

// Relations whose products share their rows of x: as many as fill the registers together.
struct Shared {
  const Part* first;
  int64_t relations;
};

std::vector<Shared> shared_rows(const Call& call, const Part* first, const Part* last) {
  const int64_t most = first->bundle->sources ? 1 : std::max<int64_t>(1, 4 * call.padded(1) / call.width);
  std::vector<Shared> products;
  for (const Part* part = first; part < last; part += products.back().relations)
    products.push_back({part, std::min<int64_t>(most, last - part)});
  return products;
}

void multiply(const Call& call, const Part* first, const Part* last, char* panels) {
  const heddle_bundle& b = *first->bundle;
  const int64_t in_dim = call.in_dim(*first), matrix_bytes = call.packed_bytes(*first, false);
  const Memory packed((last - first) * matrix_bytes);
  const std::vector<Shared> products = shared_rows(call, first, last);
  parallel_for(static_cast<int64_t>(products.size()), call.threads, [&](int64_t i) {
    const auto [part, relations] = products[static_cast<size_t>(i)];
    std::vector<const void*> matrices;
    for (int64_t r = 0; r < relations; ++r) matrices.push_back(call.matrix(part[r]));
    HEDDLE_PICK(relational_pack)({matrices.data(), in_dim, call.out_dim, false, call.width, relations,
                                  packed.data() + (part - first) * matrix_bytes, call.dtype});
  });
  std::vector<std::pair<size_t, int64_t>> tasks;  // (product, first row)
  for (size_t i = 0; i < products.size(); ++i)
    for (int64_t row = 0; row < products[i].first->columns; row += PIECE) tasks.emplace_back(i, row);
  parallel_for(static_cast<int64_t>(tasks.size()), call.threads, [&](int64_t task) {
    const auto [i, row] = tasks[static_cast<size_t>(task)];
    const auto [part, relations] = products[i];
    const Rows x{call.types[b.source].x, in_dim, call.id_at(b.sources, part->first_column), 0};
    const Rows panel{call.at(panels, (part->first_column - first->first_column) * call.width), call.width, nullptr, 0};
    RowProduct p = call.product(x, packed.data() + (part - first) * matrix_bytes, in_dim, panel, call.width);
    p.width = relations * call.width, p.group_stride = part->columns * call.width;
    HEDDLE_PICK(relational_product)(p, row, std::min(row + PIECE, part->columns));
  });
}

// y += scale * the sums of the rows of each relation's panel(part), of `stride` columns. The thread that begins a relation
// brings its panel near, where that is small beside what is gathered from it.
template <class Panel>
void sum_panels(const Call& call, const Part* first, const Part* last, int64_t stride, Panel&& panel) {
  constexpr int64_t OFTEN = 2;  // times that a row of such a panel is read
  Schedule schedule(call, first, last, [](const Part& part) { return part.target; });
  by_relation(last - first, call.threads, schedule.chunks(), [&](int64_t i, int64_t k) {
    const Part& part = first[i];
    const Chunks chunks(call.types[part.target].nodes);
    const auto [from, to] = call.rows_within(part, chunks.first(k), chunks.last(k));
    RowGather g = call.walk(part, false);
    g.data = panel(part), g.stride = stride, g.columns = stride, g.scale = part.bundle->scale, g.add = true;
    g.out = {call.y[static_cast<size_t>(part.target)], call.width, part.receivers, part.first_row};
    if (k == 0 && part.columns * OFTEN <= call.edges(part)) bring_near(g.data, part.columns * stride * call.bytes);
    schedule.take(i, k, [&] {
      call.gather(g, part.first_row + from, part.first_row + to, part.first_column, part.first_column + part.columns);
    });
  });
}

}  // namespace

void transform_first(const Call& call, const Part* first, const Part* last) {
  if (call.featureless(*first))  // its matrices are the transformed rows
    return sum_panels(call, first, last, call.out_dim, [&](const Part& part) { return call.matrix(part); });
  const int64_t columns = (last - 1)->first_column + (last - 1)->columns - first->first_column;
  const Memory panels(columns * call.width * call.bytes);
  multiply(call, first, last, panels.data());
  sum_panels(call, first, last, call.width, [&](const Part& part) {
    return call.at(panels.data(), (part.first_column - first->first_column) * call.width);
  });
}

}  // namespace heddle
