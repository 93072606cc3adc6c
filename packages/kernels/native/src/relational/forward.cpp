#include <algorithm>
#include <cstring>

#include "threads/team.hpp"
#include "values.hpp"

namespace heddle {
namespace {

// y = x root + bias, on rows of `width` columns.
void start(const Call& call, const heddle_node_type& type, char* y) {
  const size_t row_bytes = static_cast<size_t>(call.width * call.bytes);
  const int64_t k = type.x && type.root ? type.in_dim : 0;
  const Memory bias(call.width * call.bytes), packed(k * call.width * call.bytes);
  std::memset(bias.data(), 0, row_bytes);
  if (type.bias) std::memcpy(bias.data(), type.bias, static_cast<size_t>(call.out_dim * call.bytes));
  HEDDLE_PICK(relational_pack)({&type.root, k, call.out_dim, false, call.width, 1, packed.data(), call.dtype});
  const Rows rows{y, call.width, nullptr, 0}, x{k ? type.x : y, k ? k : call.width, nullptr, 0};
  RowProduct p = call.product(x, packed.data(), k, rows, call.width);
  p.start = bias.data();
  for_chunks(call, type.nodes, [&](int64_t, int64_t first, int64_t last) { HEDDLE_PICK(relational_product)(p, first, last); });
}

// Rows of `width` columns to those of the result: the root's rows of a type without features are added, and relu taken.
void finish(const Call& call, const heddle_node_type& type, const char* y) {
  const void* const root = type.x ? nullptr : type.root;
  if (y == type.y && !root && !call.relu) return;
  const RowCopy copy{y, call.width, type.y, call.out_dim, call.out_dim, root, nullptr, call.relu, call.dtype};
  for_chunks(call, type.nodes, [&](int64_t, int64_t first, int64_t last) { HEDDLE_PICK(relational_copy)(copy, first, last); });
}

void add_relations(const Call& call) {
  constexpr int64_t NEAR = 3 << 19;  // bytes of a group's panels and matrices that stay in cache
  const Part *part = call.parts.data(), *const end = part + call.parts.size();
  while (part < end) {
    const bool aggregate = part->bundle->aggregate_first != 0;
    const Part* const last = group_end(part, end, NEAR, [&](const Part& p) {
      return call.packed_bytes(p, false) + (aggregate ? 0 : p.columns * call.width * call.bytes);
    });
    aggregate ? aggregate_first(call, part, last) : transform_first(call, part, last);
    part = last;
  }
}

}  // namespace
}  // namespace heddle

extern "C" int heddle_relational_conv(const heddle_node_type* types, int64_t n_types, const heddle_bundle* bundles,
                                      int64_t n_bundles, const heddle_target* targets, int64_t out_dim, int64_t relu,
                                      int64_t dtype, int64_t index, int64_t threads, int64_t known) {
  using namespace heddle;
  const char* const op = "relational_conv";
  return guarded(op, [&]() -> int {
    Call call;
    const Arguments given{types, n_types, bundles, n_bundles, targets, out_dim, relu, dtype, index, threads, known};
    if (int status = read_call(op, call, given, false)) return status;
    if (!out_dim) return HEDDLE_OK;  // nothing to write
    std::vector<Memory> padded;
    padded.reserve(static_cast<size_t>(n_types));
    for (int64_t t = 0; t < n_types; ++t) {
      const bool padding = types[t].y && call.width != out_dim;
      padded.emplace_back(padding ? types[t].nodes * call.width * call.bytes : 0);
      call.y.push_back(padding ? padded.back().data() : static_cast<char*>(types[t].y));
    }
    for (const Part& part : call.parts)
      if (!call.y[static_cast<size_t>(part.target)])
        return fail(HEDDLE_INVALID, "%s: found no y for target type %lld, expected one; allocate it", op,
                    static_cast<long long>(part.target));
    as_team(call.threads, [&] {
      for (int64_t t = 0; t < n_types; ++t)
        if (types[t].y) start(call, types[t], call.y[static_cast<size_t>(t)]);
      add_relations(call);
      for (int64_t t = 0; t < n_types && call.problem.none(); ++t)
        if (types[t].y) finish(call, types[t], call.y[static_cast<size_t>(t)]);
    });
    return call.problem.status(op);
  });
}
