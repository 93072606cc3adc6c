// What runs on the host in tests without a device: choices, problems, and the bodies of kernels, in loops over what their
// threads would do. Built with host/ into a library by tests/cuda/test_host.py; no part of the package.
#include <vector>

#include "../gemm/arrays.hpp"
#include "../gemm/stretch.hpp"
#include "../ops/sample.hpp"
#include "../ops/sddmm.hpp"
#include "../ops/softmax.hpp"
#include "../ops/spmm.hpp"
#include "../ops/argmax.hpp"
#include "plan.hpp"
#include "status.hpp"

using namespace heddle::cuda;

#define HOST extern "C" __attribute__((visibility("default")))

// kernel, mode, width of a tile.
HOST void host_choose(int64_t dtype, int64_t precision, int64_t mode, int64_t columns, int64_t is_aligned, int64_t bias,
                      int64_t capability, int64_t* plan) {
  const Plan result = choose({dtype, precision, mode, columns, is_aligned != 0, bias != 0, capability});
  plan[0] = static_cast<int64_t>(result.kernel);
  plan[1] = result.mode;
  plan[2] = result.width;
}

HOST int host_check(int64_t n, int64_t groups, int64_t k, int64_t m, int64_t dtype, int64_t index, int64_t precision,
                    const void* workspace, int64_t bytes, int64_t needed) {
  if (int status = check_codes("product", dtype, index, precision)) return status;
  if (int status = check_counts("product", n, groups, k, m)) return status;
  return check_workspace("product", workspace, bytes, needed);
}

HOST int64_t host_aligned(const void* address, int64_t columns, int64_t element) {
  return rows_aligned(address, columns, element);
}

HOST int64_t host_arrays_bytes(int64_t groups) {
  Arrays arrays;
  return carve(nullptr, groups, arrays);
}

// Problems of segments, one after the other as the setup kernel writes them: per group m, n, k, and the distances from the
// arrays' starts and the four strides, in elements; offsets [groups + 1].
HOST void host_segments(const int64_t* sizes, int64_t n, int64_t groups, int64_t k, int64_t m, int64_t mode,
                        int64_t bias, int64_t* offsets, int64_t* problems, int64_t* fault) {
  std::vector<char> array(static_cast<size_t>(n * (k + m) + groups * (k * m + m) + 1));  // large enough to point into
  char* const base = array.data();
  const Segments of{base, base, bias ? base : nullptr, base, k, m, static_cast<int32_t>(mode), 1};
  const auto distance = [&](const void* address) { return static_cast<const char*>(address) - base; };
  std::vector<char> memory(static_cast<size_t>(host_arrays_bytes(groups)) + 16);
  Arrays to;
  carve(memory.data(), groups, to);
  int64_t row = 0;
  for (int64_t g = 0; g < groups; ++g) {
    const int64_t end = row + checked_size(sizes[g], g, n, fault);
    to.offsets[g] = offsets[g] = clamped(row, n);
    put(to, g, segment_problem(of, g, clamped(row, n), clamped(end, n)));
    row = end;
    const int64_t result[] = {to.sizes[3 * g], to.sizes[3 * g + 1], to.sizes[3 * g + 2],
                             distance(to.a[g]), distance(to.b[g]), distance(to.c[g]), distance(to.d[g]),
                             to.lda[g], to.ldb[g], to.ldc[g], to.ldd[g]};
    for (int i = 0; i < 11; ++i) problems[11 * g + i] = result[i];
  }
  offsets[groups] = clamped(row, n);
  if (row != n) note(fault, HEDDLE_FAULT_TOTAL, 0, row, n);
}

// Problems of an outer product's stretches of `rows` rows, one after the other: m, n, k, the distances of both operands from
// the arrays' starts, and that of the result from `out`, or, with kept = 1, from the kept products. Returns their number.
HOST int64_t host_stretches(const int64_t* sizes, int64_t n, int64_t groups, int64_t k, int64_t m, int64_t rows,
                            int64_t* firsts, int64_t* problems, int64_t* fault) {
  std::vector<char> array(static_cast<size_t>(n * (k + m) + groups * k * m + 1));
  std::vector<char> products(static_cast<size_t>(most_kept(n, rows) * k * m + 1));
  char* const base = array.data();
  const Segments of{base, base, nullptr, base, k, m, HEDDLE_OUTER, 1};
  std::vector<int64_t> offsets(static_cast<size_t>(groups + 1)), slots(static_cast<size_t>(groups + 1));
  const Cuts cuts{offsets.data(), firsts, slots.data(), products.data(), rows};
  int64_t row = 0;
  firsts[0] = 0;
  for (int64_t g = 0; g < groups; ++g) {
    offsets[g] = clamped(row, n);
    row += checked_size(sizes[g], g, n, fault);
    const int64_t size = clamped(row, n) - offsets[g];
    firsts[g + 1] = firsts[g] + stretches_of(size, rows);
    slots[g + 1] = slots[g] + kept_of(size, rows);
  }
  offsets[groups] = clamped(row, n);
  if (row != n) note(fault, HEDDLE_FAULT_TOTAL, 0, row, n);
  const int64_t count = most_stretches(n, groups, rows);
  for (int64_t p = 0; p < count; ++p) {
    const Problem result = stretch_problem(of, cuts, groups, p);
    const auto* const to = static_cast<const char*>(result.d);
    const bool kept = to >= products.data() && to < products.data() + products.size();
    const auto distance = [&](const void* at) { return at ? static_cast<const char*>(at) - base : 0; };
    const int64_t fields[] = {result.m, result.n, result.k, distance(result.a), distance(result.b),
                              kept ? to - products.data() : distance(to), kept};
    for (int i = 0; i < 7; ++i) problems[7 * p + i] = fields[i];
  }
  return count;
}

HOST int64_t host_stretch_rows(int64_t n, int64_t k, int64_t m, int64_t multiprocessors) {
  return stretch_rows(n, k, m, multiprocessors);
}

namespace {

using I = int64_t;

// What the lanes of a kernel's groups do, one after another: the parts of a column are joined as they would be.
template <int V, bool MAX, class Op>
void sums(const Op& op, int parts) {
  const auto joined = [&](auto&& part_of) {
    Running<double, V, MAX> all;
    for (int part = 0; part < parts; ++part) all.join(part_of(part));
    return all;
  };
  for (int64_t c = 0; c < chunks_of(op.walk.edges); ++c)
    for (int at = 0; op.walk.whole(c) && at < op.heads * op.width; at += V)
      keep_chunk<V, MAX>(op, c, at, joined([&](int part) { return sum_chunk<V, MAX>(op, c, at, part, parts); }));
  for (int64_t r = 0; r < op.walk.rows; ++r)
    for (int at = 0; at < op.heads * op.width; at += V)
      write_row<V, MAX>(op, r, at, joined([&](int part) { return sum_row<V, MAX>(op, r, at, part, parts); }));
}

}  // namespace

HOST int64_t host_spmm_workspace(int64_t edges, int64_t columns) { return chunks_of(edges) * columns * 8; }

HOST void host_spmm(const I* indptr, const I* ids, const I* perm, const double* weight, const double* x, double* out,
                    int64_t rows, int64_t edges, int64_t x_rows, int64_t heads, int64_t width, int64_t reduce,
                    double* partial, int64_t parts, int64_t* fault) {
  const Spmm<double, I> op{{indptr, ids, perm, rows, edges, x_rows, fault}, weight, x, out, partial, heads, width,
                           reduce};
  const int shared = static_cast<int>(parts);
  if (width % 2 == 0)
    reduce == HEDDLE_MAX ? sums<2, true>(op, shared) : sums<2, false>(op, shared);
  else
    reduce == HEDDLE_MAX ? sums<1, true>(op, shared) : sums<1, false>(op, shared);
}

HOST void host_sddmm(const I* indptr, const I* ids, const double* a, const double* b, double* out, int64_t rows,
                     int64_t edges, int64_t b_rows, int64_t heads, int64_t width, int64_t combine, int64_t lanes,
                     int64_t* fault) {
  const Sddmm<double, I> op{{indptr, ids, nullptr, rows, edges, b_rows, fault}, a, b, out, heads, width};
  const int shared = static_cast<int>(lanes);
  int64_t row = 0;
  const auto dot = [&](int64_t j, int64_t h, int lane) {
    return width % 2 ? sddmm_dot<double, I, 1>(op, row, j, h, lane, shared)
                     : sddmm_dot<double, I, 2>(op, row, j, h, lane, shared);
  };
  for (int64_t j = 0; j < edges; ++j) {
    row = op.walk.row_from(j % 5 ? row : op.walk.row_of(j), j);  // as groups of lanes begin anew
    for (int lane = 0; lane < shared && combine == HEDDLE_ADD; ++lane)
      heads * width % 2 ? sddmm_add<double, I, 1>(op, row, j, lane, shared)
                        : sddmm_add<double, I, 2>(op, row, j, lane, shared);
    for (int64_t h = 0; h < heads && combine == HEDDLE_DOT; ++h) {
      double sum = 0;
      for (int lane = 0; lane < shared; ++lane) sum += dot(j, h, lane);
      out[j * heads + h] = sum;
    }
  }
}

HOST void host_argmax(const I* indptr, const I* ids, const I* perm, const double* weight, const double* x,
                   const double* largest, const double* factor, const double* value, double* out, int64_t rows,
                   int64_t edges, int64_t far, int64_t heads, int64_t width, int64_t transposed, double* partial,
                   int64_t by_edge, int64_t lanes, int64_t* fault) {
  const Argmax<double, I> op{{indptr, ids, perm, rows, edges, far, fault}, weight, x, largest, factor, value, out, partial, heads,
                          width, transposed != 0};
  const int shared = static_cast<int>(lanes);
  if (!by_edge) return width % 2 == 0 ? sums<2, false>(op, shared) : sums<1, false>(op, shared);
  for (int64_t item = 0; item < edges * heads; ++item) {
    out[item] = 0;
    for (int lane = 0; lane < shared; ++lane) out[item] += sddmm_argmax(op, item / heads, item % heads, lane, shared);
  }
}

HOST int64_t host_softmax_workspace(int64_t count, int64_t segments, int64_t width) {
  return 16 * (segments + chunks_of(count)) * width;
}

HOST void host_softmax(const I* indptr, const I* perm, const double* data, const double* grad, double* out,
                       int64_t count, int64_t segments, int64_t width, Stats<double>* stats, int64_t lanes,
                       int64_t* fault) {
  const Softmax<double, I> op{{indptr, nullptr, perm, segments, count, count, fault}, data, grad, out,
                              stats + segments * width, stats, width};
  const int parts = static_cast<int>(lanes);
  for (int64_t c = 0; c < chunks_of(count); ++c)
    for (int64_t at = 0; op.walk.whole(c) && at < width; ++at) {
      Stats<double> all = no_stats(op);
      for (int part = 0; part < parts; ++part) all = joined(all, softmax_chunk(op, c, at, part, parts));
      op.partial[c * width + at] = all;
    }
  for (int64_t s = 0; s < segments; ++s)
    for (int64_t at = 0; at < width; ++at) {
      Stats<double> all = no_stats(op);
      for (int part = 0; part < parts; ++part) all = joined(all, softmax_row(op, s, at, part, parts));
      op.stats[s * width + at] = all;
    }
  for (int64_t j = 0, row = 0; j < count && segments; ++j) {
    row = op.walk.row_from(row, j);
    for (int64_t at = 0; op.walk.holds(row, j) && at < width; ++at) softmax_write(op, row, j, at);
  }
}

HOST void host_sample_count(const I* indptr, const int64_t* nodes, int64_t* counts, int64_t n, int64_t rows,
                            int64_t edges, int64_t size, int64_t replace, int64_t* fault) {
  const Hop<I> hop{{indptr, nullptr, nullptr, rows, edges, 0, fault}, nodes, size, replace != 0};
  for (int64_t i = 0; i < n; ++i) counts[i] = hop.count(i);
}

HOST void host_sample_draw(const I* indptr, const I* senders, const int64_t* nodes, const int64_t* ends, int64_t* taken,
                           int64_t* receivers, int64_t* ids, int64_t n, int64_t rows, int64_t edges, int64_t n_node,
                           int64_t first, int64_t size, int64_t replace, uint64_t key, int64_t* fault) {
  const Hop<I> hop{{indptr, senders, nullptr, rows, edges, n_node, fault}, nodes, size, replace != 0};
  for (int64_t i = n; i-- > 0;) hop.take(i, ends, first, key, taken, receivers, ids);  // in any order
}

HOST void host_sample_claim(const int64_t* ids, int64_t* table, int64_t* is_new, int64_t count) {
  for (int64_t i = count; i-- > 0;) claim(table, ids[i], CLAIM + i);
  for (int64_t i = 0; i < count; ++i) is_new[i] = table[ids[i]] == CLAIM + i;
}

HOST void host_sample_enter(const int64_t* ids, const int64_t* is_new, const int64_t* rank, int64_t* table,
                            int64_t* nodes, int64_t count, int64_t held) {
  for (int64_t i = 0; i < count; ++i)
    if (is_new[i]) nodes[table[ids[i]] = held + rank[i] - 1] = ids[i];
}
