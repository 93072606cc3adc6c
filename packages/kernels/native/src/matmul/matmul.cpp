#include <memory>

#include "scratch.hpp"
#include "simd/kernels.hpp"

namespace heddle {
namespace {

int64_t value_bytes(int64_t dtype) { return dtype == HEDDLE_FLOAT64 ? 8 : 4; }

// Rows of all products in pieces of at most `piece(product)` rows: task number -> (product, rows).
template <class F> std::vector<int64_t> first_tasks(const std::vector<Product>& products, F&& piece) {
  std::vector<int64_t> first(products.size() + 1);
  for (size_t i = 0; i < products.size(); ++i)
    first[i + 1] = first[i] + (products[i].n + piece(products[i]) - 1) / piece(products[i]);
  return first;
}

size_t product_of(const std::vector<int64_t>& first, int64_t task) {
  size_t low = 0, high = first.size() - 1;
  while (high - low > 1) {
    const size_t middle = (low + high) / 2;
    (first[middle] <= task ? low : high) = middle;
  }
  return low;
}

int finished(const std::atomic<bool>& starved) {
  if (!starved) return HEDDLE_OK;
  return fail(HEDDLE_MEMORY, "matmul: found no memory for its workspace, expected some; use smaller inputs");
}

// Threads worth starting for the work there is.
int64_t worth(const std::vector<Product>& products, int64_t threads) {
  double work = 0;
  for (const Product& p : products) work += static_cast<double>(p.n) * static_cast<double>(p.k) * static_cast<double>(p.m);
  return work < 1 << 20 ? 1 : threads;
}

}  // namespace

int matmul(const std::vector<Product>& products, int64_t dtype, int64_t threads) {
  constexpr int64_t PIECE = 512;  // enough rows to repay the packing of their matrix
  const std::vector<int64_t> first = first_tasks(products, [](const Product&) { return PIECE; });
  std::atomic<bool> starved{false};
  parallel_for(first.back(), worth(products, threads), [&](int64_t task) {
    const size_t i = product_of(first, task);
    const Product& p = products[i];
    const int64_t from = (task - first[i]) * PIECE, to = from + PIECE < p.n ? from + PIECE : p.n;
    void* const memory = scratch(HEDDLE_PICK(matmul_scratch)(p, to - from, dtype) * value_bytes(dtype));
    if (!memory) return starved.store(true, std::memory_order_relaxed);
    HEDDLE_PICK(matmul_rows)(p, from, to, dtype, memory);
  });
  return finished(starved);
}

int outer(const std::vector<Product>& products, int64_t dtype, int64_t threads) {
  // Pieces so long that their sums take less memory than their rows; the same ones whatever the number of threads.
  const auto piece = [](const Product& p) { return p.m * 4 > 4096 ? p.m * 4 : int64_t{4096}; };
  const int64_t lanes = HEDDLE_PICK(matmul_lanes)(dtype), bytes = value_bytes(dtype);
  const std::vector<int64_t> first = first_tasks(products, piece);
  const auto sums_bytes = [&](const Product& p) { return p.k * ((p.m + lanes - 1) / lanes * lanes) * bytes; };
  std::vector<int64_t> offset(products.size() + 1);
  for (size_t i = 0; i < products.size(); ++i)
    offset[i + 1] = offset[i] + (first[i + 1] - first[i]) * sums_bytes(products[i]);
  const std::unique_ptr<unsigned char[]> sums(new unsigned char[static_cast<size_t>(offset.back())]);
  std::atomic<bool> starved{false};
  threads = worth(products, threads);
  parallel_for(first.back(), threads, [&](int64_t task) {
    const size_t i = product_of(first, task);
    const Product& p = products[i];
    const int64_t part = task - first[i], from = part * piece(p), to = from + piece(p) < p.n ? from + piece(p) : p.n;
    void* const memory = scratch(HEDDLE_PICK(matmul_scratch)(p, 256, dtype) * bytes);
    if (!memory) return starved.store(true, std::memory_order_relaxed);
    HEDDLE_PICK(outer_rows)(p, from, to, dtype, memory, sums.get() + offset[i] + part * sums_bytes(p));
  });
  if (starved) return finished(starved);
  parallel_for(static_cast<int64_t>(products.size()), threads, [&](int64_t i) {
    HEDDLE_PICK(outer_finish)(products[i], sums.get() + offset[i], first[i + 1] - first[i], dtype);
  });
  return HEDDLE_OK;
}

}  // namespace heddle
