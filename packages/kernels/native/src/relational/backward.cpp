#include <algorithm>
#include <cstring>

#include "threads/team.hpp"
#include "outer_sums.hpp"

namespace heddle {
namespace {

// The gradient of a type's rows in `width` columns: 0 where relu held the result back.
void read_grad(const Call& call, const heddle_node_type& type, char* to) {
  const RowCopy copy{type.grad, call.out_dim, to, call.width, call.out_dim, nullptr, call.relu ? type.y : nullptr, false, call.dtype};
  for_chunks(call, type.nodes, [&](int64_t, int64_t first, int64_t last) { HEDDLE_PICK(relational_copy)(copy, first, last); });
}

void bias_grad(const Call& call, const heddle_node_type& type, const char* grad) {
  const Chunks chunks(type.nodes);
  const Memory sums((chunks.count + 1) * call.width * call.bytes);
  std::memset(sums.data(), 0, static_cast<size_t>((chunks.count + 1) * call.width * call.bytes));
  const auto sum = [&](int64_t k) { return call.at(sums.data(), k * call.width); };
  for_chunks(call, type.nodes, [&](int64_t k, int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) HEDDLE_PICK(relational_add)(call.at(grad, i * call.width), call.width, sum(k), call.dtype);
  });
  for (int64_t k = 0; k < chunks.count; ++k) HEDDLE_PICK(relational_add)(sum(k), call.width, sum(chunks.count), call.dtype);
  std::memcpy(type.bias_grad, sum(chunks.count), static_cast<size_t>(call.out_dim * call.bytes));
}

// x_grad = grad root transposed, root_grad = x transposed grad; zeros where there is no root or no gradient.
void root_grad(const Call& call, const heddle_node_type& type, const char* grad) {
  const bool wanted_root = type.root && grad;
  if (!type.x) {
    if (!type.root_grad) return;
    for_chunks(call, type.nodes, [&](int64_t, int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i)
        std::memcpy(call.at(type.root_grad, i * call.out_dim), call.at(grad, i * call.width),
                    static_cast<size_t>(call.out_dim * call.bytes));
    });
    return;
  }
  const int64_t in_dim = type.in_dim, k = wanted_root ? call.out_dim : 0;
  const Memory packed(k * call.padded(in_dim) * call.bytes);
  HEDDLE_PICK(relational_pack)({&type.root, k, in_dim, true, call.padded(in_dim), 1, packed.data(), call.dtype});
  OuterSums sums(call, {static_cast<char*>(type.root_grad)}, in_dim, wanted_root ? Chunks(type.nodes).count : 0);
  const Rows x{type.x, in_dim, nullptr, 0}, x_grad{type.x_grad, in_dim, nullptr, 0};
  const Rows rows = wanted_root ? Rows{grad, call.width, nullptr, 0} : x;
  for_chunks(call, type.nodes, [&](int64_t chunk, int64_t first, int64_t last) {
    const bool summed = wanted_root && sums.wanted();
    if (summed) sums.clear(chunk, 0);
    for_blocks(first, last, BLOCK, [&](int64_t from, int64_t to) {
      if (summed) sums.add(chunk, 0, x, rows, from, to);
      if (type.x_grad)
        HEDDLE_PICK(relational_product)(call.product(rows, packed.data(), k, x_grad, in_dim), from, to);
    });
  });
  sums.finish();
}

// Of a result without columns there is one gradient with elements: that of x, zeros.
int without_columns(const Call& call) {
  for (int64_t t = 0; t < call.n_types; ++t)
    if (void* const x_grad = call.types[t].x_grad)
      std::memset(x_grad, 0, static_cast<size_t>(call.types[t].nodes * call.types[t].in_dim * call.bytes));
  return HEDDLE_OK;
}

void relations_grad(const Call& call) {
  constexpr int64_t NEAR = 3 << 19, SUMS = 16 << 20;  // bytes of a group's panels that stay in cache, and of its sums
  const Part *part = call.parts.data(), *const end = part + call.parts.size();
  std::vector<unsigned char> begin;
  while (part < end) {
    const heddle_bundle& b = *part->bundle;
    const bool aggregate = b.aggregate_first != 0;
    const int64_t in_dim = call.in_dim(*part), wide = aggregate ? call.padded(in_dim) : call.width;
    int64_t chunks = Chunks(call.types[b.source].nodes).count;
    for (int64_t t = 0; aggregate && t < call.n_types; ++t) chunks = std::max(chunks, Chunks(call.types[t].nodes).count);
    const int64_t sums = b.matrices_grad && call.types[b.source].x ? OuterSums::bytes(call, 1, in_dim) * chunks : 0;
    const Part* const last = group_end(part, end, NEAR, [&](const Part& p) {
      return call.packed_bytes(p, true) + p.rows * wide * call.bytes + sums / (SUMS / NEAR);
    });
    if (aggregate) {
      const auto bytes = static_cast<size_t>(b.columns * index_size(call.index));
      if (part->position == 0)
        begin.assign(static_cast<const unsigned char*>(b.t_indptr), static_cast<const unsigned char*>(b.t_indptr) + bytes);
      aggregate_first_grad(call, part, last, begin.data());
    } else {
      transform_first_grad(call, part, last);
    }
    part = last;
  }
}

}  // namespace
}  // namespace heddle

extern "C" int heddle_relational_conv_grad(const heddle_node_type* types, int64_t n_types, const heddle_bundle* bundles,
                                           int64_t n_bundles, const heddle_target* targets, int64_t out_dim, int64_t relu,
                                           int64_t dtype, int64_t index, int64_t threads, int64_t known) {
  using namespace heddle;
  const char* const op = "relational_conv_grad";
  return guarded(op, [&]() -> int {
    Call call;
    const Arguments given{types, n_types, bundles, n_bundles, targets, out_dim, relu, dtype, index, threads, known};
    if (int status = read_call(op, call, given, true)) return status;
    if (!out_dim) return without_columns(call);
    for (int64_t t = 0; t < n_types; ++t)
      if (!types[t].grad && (types[t].root_grad || types[t].bias_grad))
        return fail(HEDDLE_INVALID, "%s: found no grad for type %lld, expected one for its root or bias; pass it", op,
                    static_cast<long long>(t));
    for (const Part& part : call.parts)
      if (!types[part.target].grad)
        return fail(HEDDLE_INVALID, "%s: found no grad for target type %lld, expected one; pass it", op,
                    static_cast<long long>(part.target));
    as_team(call.threads, [&] {
      std::vector<Memory> padded;
      padded.reserve(static_cast<size_t>(n_types));
      for (int64_t t = 0; t < n_types; ++t) {
        const heddle_node_type& type = types[t];
        const bool is_padded = type.grad && (call.relu || call.width != out_dim);
        padded.emplace_back(is_padded ? type.nodes * call.width * call.bytes : 0);
        if (is_padded) read_grad(call, type, padded.back().data());
        call.grad.push_back(is_padded ? padded.back().data() : static_cast<const char*>(type.grad));
        if (type.bias_grad) bias_grad(call, type, call.grad.back());
        root_grad(call, type, call.grad.back());
      }
      relations_grad(call);
    });
    return call.problem.status(op);
  });
}
