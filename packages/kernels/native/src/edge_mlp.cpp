#include <memory>

#include "pages.hpp"
#include "scratch.hpp"
#include "simd/kernels.hpp"

namespace heddle {
namespace {

int check(const char* name, const EdgeMlp& op, std::initializer_list<const void*> values) {
  if (int status = check_types(name, op.dtype, op.walk.index)) return status;
  if (op.dtype != HEDDLE_FLOAT32 && op.dtype != HEDDLE_FLOAT64)
    return fail(HEDDLE_INVALID, "%s: found a dtype of 16 bits, expected float32 or float64; cast the values", name);
  if (int status = check_sizes(name, {op.in, op.hidden, op.width})) return status;
  if (int status = check_values(name, values, op.dtype)) return status;
  return check_walk(name, op.walk);
}

// Run body(part, first row, last row, scratch) for parts of about as many edges each; their number is the size's alone.
template <class F> int for_parts(const char* name, const EdgeMlp& op, int64_t parts, int64_t threads, F&& body) {
  const int64_t bytes = HEDDLE_PICK(edge_mlp_scratch)(op) * size_of(op.dtype);
  std::atomic<int64_t> bad{-1};
  std::atomic<bool> starved{false};
  parallel_for(parts, threads, [&](int64_t part) {
    const int64_t first = chunk_start(op.walk, part, parts), last = chunk_start(op.walk, part + 1, parts);
    bool in_perm = false;
    if (const int64_t at = check_part(op.walk, first, last, &in_perm); at >= 0) return bad.store(at, std::memory_order_relaxed);
    void* const memory = scratch(bytes);
    if (!memory) return starved.store(true, std::memory_order_relaxed);
    body(part, first, last, memory);
  });
  if (int64_t at = bad; at >= 0) return out_of_range(name, "ids", op.walk.ids, at, op.walk.other_rows, op.walk.index);
  if (starved) return fail(HEDDLE_MEMORY, "%s: found no memory for its workspace, expected some; use smaller inputs", name);
  return HEDDLE_OK;
}

int64_t parts_of(const EdgeMlp& op) {
  constexpr int64_t EDGES = 4096, MOST = 64;
  const int64_t parts = (op.walk.edges + op.walk.rows) / EDGES;
  return parts < 1 ? 1 : parts < MOST ? parts : MOST;
}

}  // namespace
}  // namespace heddle

extern "C" int heddle_edge_mlp(const void* indptr, const void* ids, const void* edges, const void* first, const void* received,
                               const void* sent, const void* second, const void* bias, void* out, void* total, int64_t rows,
                               int64_t n_edges, int64_t sent_rows, int64_t in, int64_t hidden, int64_t width, int64_t dtype,
                               int64_t index, int64_t threads) {
  using namespace heddle;
  const EdgeMlp op{{indptr, ids, nullptr, rows, n_edges, sent_rows, index}, edges, first, received, sent, second, bias,
                   out, total, in, hidden, width, dtype};
  if (int status = check("edge_mlp", op, {edges, first, received, sent, second, bias, out, total})) return status;
  prefer_large_pages(out, n_edges * width * size_of(dtype));
  return for_parts("edge_mlp", op, parts_of(op), threads, [&](int64_t, int64_t from, int64_t to, void* memory) {
    HEDDLE_PICK(edge_mlp_rows)(op, from, to, memory);
  });
}

extern "C" int heddle_edge_mlp_grad(const void* indptr, const void* ids, const void* edges, const void* first,
                                    const void* received, const void* sent, const void* second, const void* d_out,
                                    const void* d_total, const void* d_sent_total, void* d_hidden, void* d_edges,
                                    void* d_received, void* d_first, void* d_second, void* d_bias, int64_t rows, int64_t n_edges,
                                    int64_t sent_rows, int64_t in, int64_t hidden, int64_t width, int64_t dtype, int64_t index,
                                    int64_t threads) {
  using namespace heddle;
  const EdgeMlp op{{indptr, ids, nullptr, rows, n_edges, sent_rows, index}, edges, first, received, sent, second, nullptr,
                   nullptr, nullptr, in, hidden, width, dtype};
  const EdgeMlpGrad grad{d_out, d_total, d_sent_total, d_hidden, d_edges, d_received, d_first, d_second, d_bias};
  if (int status = check("edge_mlp_grad", op, {edges, first, received, sent, second, d_out, d_total, d_sent_total, d_hidden,
                                               d_edges, d_received, d_first, d_second, d_bias}))
    return status;
  prefer_large_pages(d_hidden, n_edges * hidden * size_of(dtype));
  const int64_t parts = parts_of(op), bytes = HEDDLE_PICK(edge_mlp_sums)(op) * size_of(dtype);
  const std::unique_ptr<unsigned char[]> sums(new unsigned char[static_cast<size_t>(parts * bytes)]);
  const int status = for_parts("edge_mlp_grad", op, parts, threads, [&](int64_t part, int64_t from, int64_t to, void* memory) {
    HEDDLE_PICK(edge_mlp_grad_rows)(op, grad, from, to, memory, sums.get() + part * bytes);
  });
  if (status == HEDDLE_OK) HEDDLE_PICK(edge_mlp_grad_finish)(op, grad, sums.get(), parts);
  return status;
}
