#include "call.hpp"

#include <algorithm>

#include "../pages.hpp"

namespace heddle {
namespace {

int check_bundle(const char* op, const heddle_bundle& b, const Call& call, bool back) {
  if (int status = check_sizes(op, {b.source, b.edges, b.columns, b.rows, b.relations, b.n_matrices, b.targets})) return status;
  if (b.source >= call.n_types)
    return fail(HEDDLE_INVALID, "%s: found source type %lld, expected one of %lld types; number them from 0", op,
                static_cast<long long>(b.source), static_cast<long long>(call.n_types));
  const heddle_node_type& source = call.types[b.source];
  if (int status = check_values(op, {b.weight, b.scale, b.matrices, b.matrices_grad}, call.dtype)) return status;
  if (int status = check_ids(op, {b.sources, b.t_order}, call.index)) return status;
  if (int status = check_ids(op, {b.table, b.order}, HEDDLE_INT64)) return status;
  if (!b.aggregate_first) {
    if (b.sources && !source.x)
      return fail(HEDDLE_INVALID, "%s: found sources for a type without features, expected none; keep all its rows", op);
  } else if (b.columns != source.nodes || b.sources || !source.x) {
    return fail(HEDDLE_INVALID,
                "%s: found %lld columns aggregated first, expected one for each of %lld nodes with features, and no "
                "sources; rebuild the bundle",
                op, static_cast<long long>(b.columns), static_cast<long long>(source.nodes));
  }
  if (call.known) return HEDDLE_OK;
  if (!back || b.aggregate_first)
    if (int status = check_walk(op, {b.indptr, b.ids, nullptr, b.rows, b.edges, b.columns, call.index})) return status;
  if (!back) return HEDDLE_OK;
  if (int status = check_walk(op, {b.t_indptr, b.t_ids, b.t_order, b.columns, b.edges, b.rows, call.index})) return status;
  if (!b.weight) return HEDDLE_OK;
  const int64_t at = first_bad(b.t_order, b.edges, b.edges, call.index, call.threads);
  return at < 0 ? HEDDLE_OK : out_of_range(op, "t_order", b.t_order, at, b.edges, call.index);
}

// Check one relation against its bundle's sources and its target.
int check_part(const char* op, const Call& call, const Part& part) {
  const heddle_node_type &target = call.types[part.target], &source = call.types[part.bundle->source];
  const bool all_columns = !part.bundle->aggregate_first && !part.bundle->sources;
  if ((!part.receivers && part.rows != target.nodes) || (all_columns && part.columns != source.nodes))
    return fail(HEDDLE_INVALID, "%s: found a relation of %lld rows and %lld columns, expected those of its types; rebuild the "
                "bundle", op, static_cast<long long>(part.rows), static_cast<long long>(part.columns));
  if (call.known) return HEDDLE_OK;
  if (int status = check_ids(op, {part.receivers}, call.index)) return status;
  if (part.receivers)
    if (int64_t at = first_bad(part.receivers, part.rows, target.nodes, call.index, call.threads); at >= 0)
      return out_of_range(op, "receivers", part.receivers, at, target.nodes, call.index);
  if (const void* sources = call.id_at(part.bundle->sources, part.first_column))
    if (int64_t at = first_bad(sources, part.columns, source.nodes, call.index, call.threads); at >= 0)
      return out_of_range(op, "sources", sources, at, source.nodes, call.index);
  return HEDDLE_OK;
}

// Matrices that relations have, of an array that bundles share.
struct Taken {
  const void* matrices = nullptr;
  std::vector<bool> used{};

  // Whether a bundle's matrix is there and no other relation's; it is this one's from now on.
  bool take(const heddle_bundle& b, int64_t position) {
    if (position < 0 || position >= b.n_matrices) return false;
    if (!b.order) return true;  // one after the other
    if (matrices != b.matrices) matrices = b.matrices, used.assign(static_cast<size_t>(b.n_matrices), false);
    const bool free = !used[static_cast<size_t>(position)];
    used[static_cast<size_t>(position)] = true;
    return free;
  }
};

// Add the bundle's relations to the parts, as its table lays them out.
int read_table(const char* op, Call& call, const heddle_bundle& b, const heddle_target* targets, Taken& taken) {
  std::vector<int64_t> rows_of(static_cast<size_t>(b.targets));
  int64_t row = 0, column = 0;
  for (int64_t i = 0; i < b.relations; ++i) {
    const int64_t target = b.table[3 * i], columns = b.table[3 * i + 1], rows = b.table[3 * i + 2];
    const int64_t position = b.order ? b.order[i] : i;
    if (target < 0 || target >= b.targets || targets[target].type < 0 || targets[target].type >= call.n_types)
      return fail(HEDDLE_INVALID, "%s: found target %lld, expected one of the bundle's %lld, whose types are among %lld; rebuild "
                  "the bundle", op, static_cast<long long>(target), static_cast<long long>(b.targets),
                  static_cast<long long>(call.n_types));
    if (!taken.take(b, position))
      return fail(HEDDLE_INVALID, "%s: found relation %lld with matrix %lld, expected one of %lld that no other has; pass a "
                  "matrix for each", op, static_cast<long long>(i), static_cast<long long>(position),
                  static_cast<long long>(b.n_matrices));
    int64_t& before = rows_of[static_cast<size_t>(target)];
    const void* const receivers = targets[target].receivers;
    const bool fits = rows >= 0 && columns >= 0 && rows <= b.rows - row &&
                      (b.aggregate_first || columns <= b.columns - column) &&
                      (!receivers || rows <= targets[target].rows - before);
    if (!fits)
      return fail(HEDDLE_INVALID, "%s: found a relation of %lld rows and %lld columns, expected what is left of its bundle's; "
                  "rebuild the bundle", op, static_cast<long long>(rows), static_cast<long long>(columns));
    call.parts.push_back({&b, i, position, targets[target].type, call.id_at(receivers, before), b.aggregate_first ? 0 : column,
                          columns, row, rows});
    row += rows, column += columns, before += rows;
    if (int status = check_part(op, call, call.parts.back())) return status;
  }
  if (row == b.rows && (b.aggregate_first || column == b.columns)) return HEDDLE_OK;
  return fail(HEDDLE_INVALID, "%s: found relations of %lld rows and %lld columns, expected the bundle's %lld and %lld; rebuild "
              "the bundle", op, static_cast<long long>(row), static_cast<long long>(column), static_cast<long long>(b.rows),
              static_cast<long long>(b.columns));
}

// Positions in ids [0, count), which rise, of those in [first, last).
std::pair<int64_t, int64_t> within(const void* ids, int64_t count, int64_t first, int64_t last, int64_t index) {
  return with_index(index, [&](auto tag) {
    using I = untag<decltype(tag)>;
    const I* const all = static_cast<const I*>(ids);
    const auto below = [](I id, int64_t bound) { return id < bound; };
    const I* const from = std::lower_bound(all, all + count, first, below);
    const I* const to = std::lower_bound(from, all + count, last, below);
    return std::pair<int64_t, int64_t>(from - all, to - all);
  });
}

}  // namespace

std::vector<Memory::Held>& Memory::spare() {
  static thread_local std::vector<Held> kept;
  return kept;
}

Memory::Held Memory::fresh(size_t size) {
  constexpr size_t LINE = 64, LARGE = size_t{1} << 21;
  const size_t page = size < LARGE / 2 ? LINE : LARGE, whole = (size + page) / page * page;
  Held made{std::unique_ptr<unsigned char, Free>(static_cast<unsigned char*>(std::aligned_alloc(page, whole))), whole};
  if (!made.bytes) throw std::bad_alloc();
  if (page == LARGE) prefer_large_pages(made.bytes.get(), static_cast<int64_t>(whole), LARGE);
  return made;
}

Memory::Held Memory::take(size_t size) {
  std::vector<Held>& kept = spare();
  size_t best = kept.size();
  for (size_t i = 0; i < kept.size(); ++i)
    if (kept[i].size >= size && (best == kept.size() || kept[i].size < kept[best].size)) best = i;
  if (best == kept.size()) return fresh(size);
  Held result = std::move(kept[best]);
  kept.erase(kept.begin() + static_cast<std::ptrdiff_t>(best));
  return result;
}

void Memory::give(Held held) noexcept {
  constexpr size_t PIECES = 8, MOST = 8 << 20;  // what a thread keeps between calls
  if (!held.bytes || held.size > MOST) return;
  try {
    std::vector<Held>& kept = spare();
    if (kept.size() == PIECES) kept.erase(kept.begin());
    kept.push_back(std::move(held));
  } catch (...) {  // no memory to remember it in: it is released
  }
}

void Problem::note(int what, int64_t id, int64_t low, int64_t high) {
  const std::lock_guard<std::mutex> lock(mutex);
  if (result == HEDDLE_OK) result = what, at = id, from = low, to = high;
}

int Problem::status(const char* op) const {
  if (result == HEDDLE_OK) return HEDDLE_OK;
  if (result == HEDDLE_MEMORY)
    return fail(result, "%s: found no memory for its workspace, expected some; use smaller inputs", op);
  return fail(result, "%s: found id %lld, expected one in [%lld, %lld), its relation's own; rebuild the bundle", op,
              static_cast<long long>(at), static_cast<long long>(from), static_cast<long long>(to));
}

int64_t Call::padded(int64_t columns) const {
  const int64_t lanes = HEDDLE_PICK(relational_lanes)(dtype);
  return (columns + lanes - 1) / lanes * lanes;
}

const char* Call::matrix(const Part& part) const { return at(part.bundle->matrices, part.matrix_index * in_dim(part) * out_dim); }

char* Call::matrix_grad(const Part& part) const {
  return part.bundle->matrices_grad ? at(part.bundle->matrices_grad, part.matrix_index * in_dim(part) * out_dim) : nullptr;
}

std::pair<int64_t, int64_t> Call::rows_within(const Part& part, int64_t first, int64_t last) const {
  if (!part.receivers) return {first, last};
  return within(part.receivers, part.rows, first, last, index);
}

std::pair<int64_t, int64_t> Call::columns_within(const Part& part, int64_t first, int64_t last) const {
  if (!part.bundle->sources) return {first, last};
  return within(id_at(part.bundle->sources, part.first_column), part.columns, first, last, index);
}

RowProduct Call::product(Rows lhs, const void* packed, int64_t k, Rows out, int64_t columns) const {
  RowProduct p{};
  p.lhs = lhs, p.packed = packed, p.k = k, p.width = padded(columns), p.out = out;
  p.group = p.width / padded(1), p.columns = columns, p.dtype = dtype, p.index = index;
  return p;
}

int64_t Call::packed_bytes(const Part& part, bool transposed) const {
  return (transposed ? out_dim * padded(in_dim(part)) : in_dim(part) * width) * bytes;
}

void Call::pack(const Part* first, const Part* last, bool transposed, char* to) const {
  const int64_t k = transposed ? out_dim : in_dim(*first), columns = transposed ? in_dim(*first) : out_dim;
  parallel_for(last - first, threads, [&](int64_t i) {
    const void* const values = matrix(first[i]);
    HEDDLE_PICK(relational_pack)({&values, k, columns, transposed, padded(columns), 1,
                                  to + i * packed_bytes(*first, transposed), dtype});
  });
}

int64_t Call::edges(const Part& part) const {
  const Walk walk{part.bundle->indptr, nullptr, nullptr, 0, 0, 0, index};
  return walk.start(part.first_row + part.rows) - walk.start(part.first_row);
}

RowGather Call::walk(const Part& part, bool back) const {
  const heddle_bundle& b = *part.bundle;
  RowGather g{};
  const void* const indptr = back ? b.t_indptr : b.indptr;
  g.begin = indptr;
  g.end = id_at(indptr, 1);
  g.ids = back ? b.t_ids : b.ids;
  g.edges = b.edges;
  g.first = back ? part.first_row : b.aggregate_first ? 0 : part.first_column;
  g.weight = b.weight;
  g.perm = back ? b.t_order : nullptr;
  g.dtype = dtype;
  g.index = index;
  return g;
}

bool Call::gather(const RowGather& g, int64_t first, int64_t last, int64_t low, int64_t high) const {
  if (known) {
    HEDDLE_PICK(relational_gather)(g, first, last);
    return true;
  }
  constexpr int64_t NEAR = 256;  // rows whose ids stay in cache from their check to their use
  const auto at = [&](const void* ids, int64_t i) { return Walk{ids, nullptr, nullptr, 0, 0, 0, index}.start(i); };
  bool good = true;
  for_blocks(first, last, NEAR, [&](int64_t from, int64_t to) {
    if (!good) return;
    const int64_t bad =
        HEDDLE_PICK(relational_outside)(g.ids, at(g.begin, from), at(g.end, to - 1), low, high, index);
    good = bad < 0;
    good ? HEDDLE_PICK(relational_gather)(g, from, to) : problem.bad_id(at(g.ids, bad), low, high);
  });
  return good;
}

std::vector<Task> target_tasks(const Call& call, const Part* first, const Part* last) {
  std::vector<bool> entered(static_cast<size_t>(call.n_types));
  for (const Part* part = first; part < last; ++part) entered[static_cast<size_t>(part->target)] = true;
  std::vector<Task> tasks;
  for (int64_t t = 0; t < call.n_types; ++t)
    for (int64_t k = 0; entered[static_cast<size_t>(t)] && k < Chunks(call.types[t].nodes).count; ++k)
      tasks.push_back({t, k});
  return tasks;
}

int read_call(const char* op, Call& call, const Arguments& given, bool back) {
  const auto& [types, n_types, bundles, n_bundles, targets, out_dim, relu, dtype, index, threads, known] = given;
  if (int status = check_code(op, "dtype", dtype, HEDDLE_FLOAT64, "float32, float64")) return status;
  if (int status = check_code(op, "index", index, HEDDLE_INT64, "int32, int64")) return status;
  if (int status = check_sizes(op, {n_types, n_bundles, out_dim})) return status;
  call.types = types, call.n_types = n_types, call.out_dim = out_dim, call.relu = relu != 0, call.known = known != 0;
  call.dtype = dtype, call.index = index, call.threads = threads, call.bytes = size_of(dtype), call.width = call.padded(out_dim);
  double work = 0;
  for (int64_t t = 0; t < n_types; ++t) {
    const heddle_node_type& type = types[t];
    if (type.root && type.x) work += static_cast<double>(type.nodes) * static_cast<double>(type.in_dim * out_dim);
    if (int status = check_sizes(op, {type.nodes, type.in_dim})) return status;
    if (int status = check_values(op, {type.x, type.root, type.bias, type.y, type.grad}, dtype)) return status;
    if (int status = check_values(op, {type.x_grad, type.root_grad, type.bias_grad}, dtype)) return status;
  }
  Taken taken;
  const heddle_target* of_bundle = targets;
  for (int64_t k = 0; k < n_bundles; of_bundle += bundles[k++].targets) {
    const heddle_bundle& b = bundles[k];
    if (int status = check_bundle(op, b, call, back)) return status;
    if (int status = read_table(op, call, b, of_bundle, taken)) return status;
    work += static_cast<double>(b.edges) * static_cast<double>(out_dim) +
            static_cast<double>(b.aggregate_first ? b.rows : b.columns) * static_cast<double>(types[b.source].in_dim * out_dim);
  }
  if (work < 1 << 18) call.threads = 1;
  return HEDDLE_OK;
}

}  // namespace heddle
