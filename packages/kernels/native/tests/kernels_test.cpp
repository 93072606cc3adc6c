// Every kernel once more without Python, for the sanitizers: odd sizes, all types and instruction sets, ids out of range,
// several threads, several callers. Values are checked against loops in double.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <random>
#include <thread>
#include <vector>

#include "heddle_kernels.h"

namespace {

using Doubles = std::vector<double>;
using Bytes = std::vector<unsigned char>;
std::mt19937 random_bits(1);

#define CHECK(condition)                                                                               \
  do {                                                                                                 \
    if (!(condition)) {                                                                                \
      std::fprintf(stderr, "%s:%d: %s; %s\n", __FILE__, __LINE__, #condition, heddle_last_error());    \
      std::exit(1);                                                                                    \
    }                                                                                                  \
  } while (0)

double tolerance(int64_t dtype) { return dtype == HEDDLE_FLOAT64 ? 1e-12 : dtype == HEDDLE_FLOAT32 ? 1e-4 : 0.1; }
int64_t bytes_of(int64_t dtype) { return dtype == HEDDLE_FLOAT64 ? 8 : dtype == HEDDLE_FLOAT32 ? 4 : 2; }

// Values in the given type, in memory of exactly their size so that a read past the end is seen. Halves are multiples of
// 1/8 below 4, exact in both types.
Bytes stored(const Doubles& values, int64_t dtype) {
  Bytes out(values.size() * static_cast<size_t>(bytes_of(dtype)));
  for (size_t i = 0; i < values.size(); ++i) {
    if (dtype == HEDDLE_FLOAT64) std::memcpy(out.data() + 8 * i, &values[i], 8);
    const float value = static_cast<float>(values[i]);
    if (dtype == HEDDLE_FLOAT32) std::memcpy(out.data() + 4 * i, &value, 4);
    uint32_t u;
    std::memcpy(&u, &value, 4);
    uint16_t half = static_cast<uint16_t>(u >> 16);
    if (dtype == HEDDLE_FLOAT16)
      half = value == 0 ? 0 : static_cast<uint16_t>((u >> 16 & 0x8000) | ((u >> 23 & 0xff) - 112) << 10 | (u >> 13 & 0x3ff));
    if (bytes_of(dtype) == 2) std::memcpy(out.data() + 2 * i, &half, 2);
  }
  return out;
}

double value_at(const Bytes& array, size_t i, int64_t dtype) {
  double d;
  float f;
  uint16_t h;
  if (dtype == HEDDLE_FLOAT64) return std::memcpy(&d, array.data() + 8 * i, 8), d;
  if (dtype == HEDDLE_FLOAT32) return std::memcpy(&f, array.data() + 4 * i, 4), f;
  std::memcpy(&h, array.data() + 2 * i, 2);
  if (dtype == HEDDLE_FLOAT16) {
    const int exponent = h >> 10 & 31, mantissa = h & 1023;
    const double size = exponent ? std::ldexp(1024 + mantissa, exponent - 25) : std::ldexp(mantissa, -24);
    return h & 0x8000 ? -size : size;
  }
  const uint32_t u = static_cast<uint32_t>(h) << 16;
  return std::memcpy(&f, &u, 4), f;
}

Bytes poisoned(size_t count, int64_t dtype) { return Bytes(count * static_cast<size_t>(bytes_of(dtype)), 0xff); }

void close(const Bytes& got, const Doubles& want, int64_t dtype) {
  for (size_t i = 0; i < want.size(); ++i)
    CHECK(std::fabs(value_at(got, i, dtype) - want[i]) <= tolerance(dtype) * (1 + std::fabs(want[i])));
}

Doubles drawn(int64_t count) {
  Doubles out(static_cast<size_t>(count));
  for (double& value : out) value = static_cast<int>(random_bits() % 63) / 8.0 - 3.875;
  return out;
}

std::vector<int64_t> ids(int64_t count, int64_t bound) {
  std::vector<int64_t> out(static_cast<size_t>(count));
  for (int64_t& id : out) id = random_bits() % 5 ? static_cast<int64_t>(random_bits()) % bound : 0;
  for (int64_t& id : out) id = id < 0 ? -id : id;
  return out;
}

Bytes stored_ids(const std::vector<int64_t>& values, int64_t index) {
  Bytes out(values.size() * (index == HEDDLE_INT64 ? 8 : 4));
  for (size_t i = 0; i < values.size(); ++i) {
    const int32_t narrow = static_cast<int32_t>(values[i]);
    if (index == HEDDLE_INT64)
      std::memcpy(out.data() + 8 * i, &values[i], 8);
    else
      std::memcpy(out.data() + 4 * i, &narrow, 4);
  }
  return out;
}

// A graph by receiver and by sender, built by the library itself.
struct Graph {
  int64_t n, m, e, index;
  std::vector<int64_t> from, to;
  Bytes senders, receivers, indptr, order, t_receivers, t_indptr, t_order;

  Graph(int64_t n, int64_t m, int64_t e, int64_t index) : n(n), m(m), e(e), index(index), from(ids(e, n)), to(ids(e, m)) {
    const auto room = [&](int64_t count) { return Bytes(static_cast<size_t>(count) * (index == HEDDLE_INT64 ? 8 : 4)); };
    senders = receivers = order = t_receivers = t_order = room(e);
    indptr = room(m + 1), t_indptr = room(n + 1);
    const Bytes s = stored_ids(from, index), r = stored_ids(to, index);
    CHECK(heddle_build_adjacency(s.data(), r.data(), e, n, m, senders.data(), receivers.data(), indptr.data(), order.data(),
                                 t_receivers.data(), t_indptr.data(), t_order.data(), index, 3) == HEDDLE_OK);
    for (int64_t j = 0; j < e; ++j) {
      const size_t at = static_cast<size_t>(id(order, j));
      CHECK(id(senders, j) == from[at] && id(receivers, j) == to[at]);
    }
  }
  int64_t id(const Bytes& array, int64_t i) const {
    int64_t wide;
    int32_t narrow;
    if (index == HEDDLE_INT64) return std::memcpy(&wide, array.data() + 8 * i, 8), wide;
    return std::memcpy(&narrow, array.data() + 4 * i, 4), narrow;
  }
};

void test_sparse(const Graph& g, int64_t heads, int64_t width, int64_t dtype) {
  const int64_t d = heads * width;
  const Doubles x = drawn(g.n * d), y = drawn(g.m * d), w = drawn(g.e * heads);
  const Bytes xs = stored(x, dtype), ys = stored(y, dtype), ws = stored(w, dtype);
  for (bool weighted : {false, true})
    for (int64_t reduce : {HEDDLE_SUM, HEDDLE_MEAN, HEDDLE_MAX}) {
      Doubles want(static_cast<size_t>(g.m * d)), count(static_cast<size_t>(g.m));
      for (int64_t j = 0; j < g.e; ++j) {
        const int64_t s = g.id(g.senders, j), r = g.id(g.receivers, j);
        for (int64_t c = 0; c < d; ++c) {
          const double message = x[s * d + c] * (weighted ? w[j * heads + c / width] : 1);
          double& sum = want[r * d + c];
          sum = reduce == HEDDLE_MAX ? (count[r] == 0 ? message : std::fmax(sum, message)) : sum + message;
        }
        ++count[r];
      }
      if (reduce == HEDDLE_MEAN)
        for (int64_t i = 0; i < g.m * d; ++i) want[i] /= std::fmax(1, count[i / d]);
      Bytes out = poisoned(want.size(), dtype);
      CHECK(heddle_spmm(g.indptr.data(), g.senders.data(), nullptr, weighted ? ws.data() : nullptr, xs.data(), out.data(),
                        g.m, g.e, g.n, heads, width, dtype, g.index, reduce, 3) == HEDDLE_OK);
      close(out, want, dtype);
      if (reduce != HEDDLE_MAX || !g.e) continue;
      Bytes back = poisoned(x.size(), dtype), edges = poisoned(w.size(), dtype);
      CHECK(heddle_spmm_argmax(g.t_indptr.data(), g.t_receivers.data(), g.t_order.data(), weighted ? ws.data() : nullptr,
                            xs.data(), out.data(), ws.data(), ys.data(), back.data(), g.n, g.e, g.m, heads, width, 1, dtype,
                            g.index, 3) == HEDDLE_OK);
      CHECK(heddle_sddmm_argmax(g.indptr.data(), g.senders.data(), ws.data(), xs.data(), out.data(), ys.data(), xs.data(),
                             edges.data(), g.m, g.e, g.n, heads, width, 0, dtype, g.index, 3) == HEDDLE_OK);
    }
  Doubles transposed(static_cast<size_t>(g.n * d)), dots(static_cast<size_t>(g.e * heads)), sums(static_cast<size_t>(g.e * d));
  for (int64_t j = 0; j < g.e; ++j)
    for (int64_t c = 0; c < d; ++c) {
      const int64_t s = g.id(g.senders, j) * d + c, r = g.id(g.receivers, j) * d + c, h = j * heads + c / width;
      transposed[s] += w[h] * y[r], dots[h] += y[r] * x[s], sums[j * d + c] = y[r] + x[s];
    }
  Bytes out = poisoned(transposed.size(), dtype);
  CHECK(heddle_spmm(g.t_indptr.data(), g.t_receivers.data(), g.t_order.data(), ws.data(), ys.data(), out.data(), g.n, g.e,
                    g.m, heads, width, dtype, g.index, HEDDLE_SUM, 3) == HEDDLE_OK);
  close(out, transposed, dtype);
  for (int64_t combine : {HEDDLE_DOT, HEDDLE_ADD}) {
    const Doubles& want = combine == HEDDLE_ADD ? sums : dots;
    out = poisoned(want.size(), dtype);
    CHECK(heddle_sddmm(g.indptr.data(), g.senders.data(), ys.data(), xs.data(), out.data(), g.m, g.e, g.n, heads, width,
                       dtype, g.index, combine, 3) == HEDDLE_OK);
    close(out, want, dtype);
  }
}

void test_segments(const Graph& g, int64_t width, int64_t dtype) {
  const Bytes unsorted = stored_ids(g.to, g.index);
  const Doubles data = drawn(g.e * width);
  const Bytes values = stored(data, dtype);
  for (const Bytes* segment : {&unsorted, &g.receivers}) {
    Doubles sum(static_cast<size_t>(g.m * width)), norm(sum.size()), softmax(data.size());
    for (int64_t i = 0; i < g.e * width; ++i) {
      const int64_t at = g.id(*segment, i / width) * width + i % width;
      sum[at] += data[i], norm[at] += std::exp(data[i]);
    }
    for (int64_t i = 0; i < g.e * width; ++i)
      softmax[i] = std::exp(data[i]) / norm[g.id(*segment, i / width) * width + i % width];
    Bytes out = poisoned(sum.size(), dtype);
    CHECK(heddle_segment_reduce(segment->data(), values.data(), out.data(), g.e, g.m, width, dtype, g.index, HEDDLE_SUM, 3) ==
          HEDDLE_OK);
    close(out, sum, dtype);
    Bytes rows = poisoned(data.size(), dtype), grad = poisoned(data.size(), dtype);
    CHECK(heddle_gather(segment->data(), out.data(), rows.data(), g.e, g.m, width * bytes_of(dtype), g.index, 3) == HEDDLE_OK);
    CHECK(heddle_segment_softmax(segment->data(), values.data(), rows.data(), g.e, g.m, width, dtype, g.index, 3) == HEDDLE_OK);
    close(rows, softmax, dtype);
    CHECK(heddle_segment_softmax_grad(segment->data(), rows.data(), values.data(), grad.data(), g.e, g.m, width, dtype,
                                      g.index, 3) == HEDDLE_OK);
  }
}

void test_matmul(int64_t n, int64_t k, int64_t m, int64_t dtype, int64_t index) {
  const std::vector<int64_t> sizes = {n / 3, 0, n - n / 3};
  const Doubles a = drawn(n * k), b = drawn(3 * k * m), bias = drawn(3 * m), g = drawn(n * m);
  Doubles want(static_cast<size_t>(n * m)), outer(static_cast<size_t>(3 * k * m));
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0, group = i < n / 3 ? 0 : 2; j < m; ++j) {
      want[i * m + j] = bias[group * m + j];
      for (int64_t c = 0; c < k; ++c) {
        want[i * m + j] += a[i * k + c] * b[(group * k + c) * m + j];
        outer[(group * k + c) * m + j] += a[i * k + c] * g[i * m + j];
      }
    }
  const Bytes as = stored(a, dtype), bs = stored(b, dtype), biases = stored(bias, dtype), gs = stored(g, dtype);
  const Bytes groups = stored_ids(sizes, index);
  Bytes out = poisoned(want.size(), dtype), back = poisoned(a.size(), dtype), sums = poisoned(outer.size(), dtype);
  CHECK(heddle_segment_matmul(as.data(), bs.data(), biases.data(), groups.data(), out.data(), n, 3, k, m, 0, dtype, index, 3) ==
        HEDDLE_OK);
  close(out, want, dtype);
  CHECK(heddle_segment_matmul(gs.data(), bs.data(), nullptr, groups.data(), back.data(), n, 3, m, k, 1, dtype, index, 3) ==
        HEDDLE_OK);
  CHECK(heddle_segment_outer(as.data(), gs.data(), groups.data(), sums.data(), n, 3, k, m, dtype, index, 3) == HEDDLE_OK);
  if (bytes_of(dtype) > 2) close(sums, outer, dtype);
}

void test_refusals() {
  const Graph g(7, 5, 40, HEDDLE_INT32);
  const Bytes x = stored(drawn(70), HEDDLE_FLOAT32);
  Bytes out = poisoned(400, HEDDLE_FLOAT32);
  for (int64_t bad : {int64_t{-1}, int64_t{7}, int64_t{1} << 30}) {
    Bytes broken = g.senders, order = g.t_order;
    const int32_t id = static_cast<int32_t>(bad), far = 40;
    std::memcpy(broken.data() + 4 * 33, &id, 4);
    std::memcpy(order.data() + 4 * 12, &far, 4);
    CHECK(heddle_spmm(g.indptr.data(), broken.data(), nullptr, nullptr, x.data(), out.data(), 5, 40, 7, 1, 10, HEDDLE_FLOAT32,
                      HEDDLE_INT32, HEDDLE_SUM, 3) == HEDDLE_RANGE);
    CHECK(heddle_spmm(g.t_indptr.data(), g.t_receivers.data(), order.data(), x.data(), x.data(), out.data(), 7, 40, 5, 1, 10,
                      HEDDLE_FLOAT32, HEDDLE_INT32, HEDDLE_SUM, 3) == HEDDLE_RANGE);
    CHECK(heddle_gather(broken.data(), x.data(), out.data(), 40, 7, 40, HEDDLE_INT32, 3) == HEDDLE_RANGE);
    CHECK(heddle_segment_reduce(broken.data(), x.data(), out.data(), 40, 7, 1, HEDDLE_FLOAT32, HEDDLE_INT32, 0, 3) ==
          HEDDLE_RANGE);
    CHECK(heddle_index_sort(broken.data(), out.data(), out.data(), 40, 7, HEDDLE_INT32, 3) == HEDDLE_RANGE);
    const int32_t sizes[] = {id, 3};
    CHECK(heddle_segment_matmul(x.data(), x.data(), nullptr, sizes, out.data(), 5, 2, 2, 3, 0, HEDDLE_FLOAT32, HEDDLE_INT32,
                                3) == HEDDLE_RANGE);
  }
  CHECK(heddle_spmm(g.indptr.data(), g.senders.data(), nullptr, nullptr, x.data() + 1, out.data(), 5, 40, 7, 1, 10,
                    HEDDLE_FLOAT32, HEDDLE_INT32, HEDDLE_SUM, 3) == HEDDLE_INVALID);
  CHECK(heddle_spmm(g.indptr.data(), g.senders.data(), nullptr, nullptr, x.data(), out.data(), 5, 40, 7, 1, 10, 9, HEDDLE_INT32,
                    HEDDLE_SUM, 3) == HEDDLE_INVALID);
}

void test_callers() {
  const Graph g(500, 400, 30000, HEDDLE_INT64);
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i)
    callers.emplace_back([&g] {
      const Bytes x = stored(Doubles(500 * 16, 1.0), HEDDLE_FLOAT32);
      for (int round = 0; round < 20; ++round) {
        Bytes out = poisoned(400 * 16, HEDDLE_FLOAT32);
        CHECK(heddle_spmm(g.indptr.data(), g.senders.data(), nullptr, nullptr, x.data(), out.data(), 400, 30000, 500, 1, 16,
                          HEDDLE_FLOAT32, HEDDLE_INT64, HEDDLE_SUM, 3) == HEDDLE_OK);
        for (int64_t r = 0; r < 400; ++r)
          CHECK(value_at(out, static_cast<size_t>(r) * 16, HEDDLE_FLOAT32) == g.id(g.indptr, r + 1) - g.id(g.indptr, r));
      }
    });
  for (std::thread& caller : callers) caller.join();
}

}  // namespace

int main() {
  for (const char* isa : {"base", "avx2", "avx512"}) {
    if (heddle_set_isa(isa) != HEDDLE_OK) {
      std::printf("without %s: %s\n", isa, heddle_last_error());
      continue;
    }
    for (int64_t index : {HEDDLE_INT32, HEDDLE_INT64}) {
      const Graph graphs[] = {{1, 1, 0, index}, {1, 1, 3, index}, {7, 5, 40, index}, {300, 200, 5000, index}};
      for (const Graph& g : graphs)
        for (int64_t dtype : {HEDDLE_FLOAT32, HEDDLE_FLOAT64, HEDDLE_BFLOAT16, HEDDLE_FLOAT16}) {
          const int64_t shapes[][2] = {{1, 1}, {1, 3}, {1, 10}, {1, 64}, {1, 130}, {4, 16}, {3, 5}, {9, 1}};
          for (const auto& shape : shapes) test_sparse(g, shape[0], shape[1], dtype);
          for (int64_t width : {1, 2, 3, 4, 17}) test_segments(g, width, dtype);
        }
      for (int64_t dtype : {HEDDLE_FLOAT32, HEDDLE_FLOAT64, HEDDLE_BFLOAT16, HEDDLE_FLOAT16})
        for (int64_t m : {1, 10, 16, 33, 70})
          for (int64_t n : {0, 1, 7, 1300}) test_matmul(n, 13, m, dtype, index);
    }
  }
  test_refusals();
  test_callers();
  std::puts("ok");
}
