// What runs on the host in tests without a device: choices, problems, and the bodies of kernels, in loops over what their
// threads would do. Built with host/ into a library by tests/test_cuda_host.py; no part of the package.
#include <vector>

#include "../gemm/arrays.hpp"
#include "../ops/sample.hpp"
#include "../ops/sddmm.hpp"
#include "../ops/softmax.hpp"
#include "../ops/spmm.hpp"
#include "../ops/top.hpp"
#include "plan.hpp"
#include "status.hpp"

using namespace heddle::cuda;

#define HOST extern "C" __attribute__((visibility("default")))

// kernel, mode, narrow.
HOST void host_choose(int64_t dtype, int64_t precision, int64_t mode, int64_t columns, int64_t is_aligned, int64_t bias,
                      int64_t capability, int64_t* plan) {
  const Plan found = choose({dtype, precision, mode, columns, is_aligned != 0, bias != 0, capability});
  plan[0] = static_cast<int64_t>(found.kernel);
  plan[1] = found.mode;
  plan[2] = found.narrow;
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
    const int64_t found[] = {to.sizes[3 * g], to.sizes[3 * g + 1], to.sizes[3 * g + 2],
                             distance(to.a[g]), distance(to.b[g]), distance(to.c[g]), distance(to.d[g]),
                             to.lda[g], to.ldb[g], to.ldc[g], to.ldd[g]};
    for (int i = 0; i < 11; ++i) problems[11 * g + i] = found[i];
  }
  offsets[groups] = clamped(row, n);
  if (row != n) note(fault, HEDDLE_FAULT_TOTAL, 0, row, n);
}

namespace {

using I = int64_t;

template <int V>
void spmm(const Spmm<double, I>& op) {
  for (int64_t r = 0; r < op.walk.rows; ++r)
    for (int64_t c = 0; c < op.heads * op.width; c += V)
      op.reduce == HEDDLE_MAX ? spmm_row<double, I, V, true>(op, r, c) : spmm_row<double, I, V, false>(op, r, c);
}

}  // namespace

HOST void host_spmm(const I* indptr, const I* ids, const I* perm, const double* weight, const double* x, double* out,
                    int64_t rows, int64_t edges, int64_t x_rows, int64_t heads, int64_t width, int64_t reduce,
                    int64_t vector, int64_t* fault) {
  const Spmm<double, I> op{{indptr, ids, perm, rows, edges, x_rows, fault}, weight, x, out, heads, width, reduce};
  vector ? spmm<2>(op) : spmm<1>(op);
}

HOST void host_sddmm(const I* indptr, const I* ids, const double* a, const double* b, double* out, int64_t rows,
                     int64_t edges, int64_t b_rows, int64_t heads, int64_t width, int64_t combine, int64_t lanes,
                     int64_t* fault) {
  const Sddmm<double, I> op{{indptr, ids, nullptr, rows, edges, b_rows, fault}, a, b, out, heads, width};
  const int shared = static_cast<int>(lanes);
  for (int64_t j = 0; j < edges; ++j) {
    for (int lane = 0; lane < shared && combine == HEDDLE_ADD; ++lane) sddmm_add(op, j, lane, shared);
    for (int64_t h = 0; h < heads && combine == HEDDLE_DOT; ++h) {
      double sum = 0;
      for (int lane = 0; lane < shared; ++lane) sum += sddmm_dot(op, j, h, lane, shared);
      out[j * heads + h] = sum;
    }
  }
}

HOST void host_top(const I* indptr, const I* ids, const I* perm, const double* weight, const double* x,
                   const double* top, const double* factor, const double* value, double* out, int64_t rows,
                   int64_t edges, int64_t far, int64_t heads, int64_t width, int64_t transposed, int64_t by_edge,
                   int64_t lanes, int64_t* fault) {
  const Top<double, I> op{{indptr, ids, perm, rows, edges, far, fault}, weight, x, top, factor, value, out, heads, width,
                          transposed != 0};
  const int shared = static_cast<int>(lanes);
  for (int64_t r = 0; r < rows && !by_edge; ++r)
    for (int64_t c = 0; c < heads * width; ++c) spmm_top(op, r, c);
  for (int64_t item = 0; item < edges * heads && by_edge; ++item) {
    out[item] = 0;
    for (int lane = 0; lane < shared; ++lane) out[item] += sddmm_top(op, item / heads, item % heads, lane, shared);
  }
}

HOST void host_softmax(const I* indptr, const I* perm, const double* data, const double* grad, double* out,
                       int64_t count, int64_t segments, int64_t width, int64_t lanes, int64_t* fault) {
  const Softmax<double, I> op{{indptr, nullptr, perm, segments, count, count, fault}, data, grad, out, width};
  const int shared = static_cast<int>(lanes);
  for (int64_t s = 0; s < segments; ++s)
    for (int64_t c = 0; c < width; ++c) {
      double top = -INFINITY, sum = 0;
      for (int lane = 0; lane < shared; ++lane) top = larger(softmax_top(op, s, c, lane, shared), top);
      const double less = grad ? 0 : shift(top);
      for (int lane = 0; lane < shared; ++lane) sum += softmax_sum(op, s, c, lane, shared, less);
      for (int lane = 0; lane < shared; ++lane) softmax_write(op, s, c, lane, shared, less, sum);
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
