#include "simd/kernels.hpp"

namespace heddle {

// One product per group, of as many rows as sizes says; HEDDLE_RANGE where the sizes don't add up to n.
static int split(const char* name, const void* sizes, int64_t index, int64_t n, int64_t groups, const Product& whole,
                 int64_t dtype, bool outer, std::vector<Product>& products) {
  const int64_t bytes = size_of(dtype), k = whole.k, m = whole.m;
  const auto at = [&](const void* array, int64_t element) -> const void* {
    return array ? static_cast<const char*>(array) + element * bytes : nullptr;
  };
  int64_t row = 0;
  products.reserve(static_cast<size_t>(groups));
  for (int64_t g = 0; g < groups; ++g) {
    const int64_t size = index == HEDDLE_INT64 ? static_cast<const int64_t*>(sizes)[g] : static_cast<const int32_t*>(sizes)[g];
    if (size < 0 || size > n - row)
      return fail(HEDDLE_RANGE, "%s: group_sizes[%lld]: found %lld, expected 0 to %lld, the rows left; count the rows again",
                  name, static_cast<long long>(g), static_cast<long long>(size), static_cast<long long>(n - row));
    products.push_back({at(whole.a, row * k), outer ? at(whole.b, row * m) : at(whole.b, g * k * m), at(whole.bias, g * m),
                        const_cast<void*>(at(whole.out, outer ? g * k * m : row * m)), size, k, m, whole.transposed});
    row += size;
  }
  if (row != n)
    return fail(HEDDLE_RANGE, "%s: group_sizes: found a sum of %lld, expected %lld, the number of rows; count the rows again",
                name, static_cast<long long>(row), static_cast<long long>(n));
  return HEDDLE_OK;
}

static int check(const char* name, const Product& whole, const void* sizes, int64_t groups, int64_t dtype, int64_t index) {
  if (int status = check_types(name, dtype, index)) return status;
  if (int status = check_sizes(name, {whole.n, groups, whole.k, whole.m})) return status;
  if (int status = check_values(name, {whole.a, whole.b, whole.bias, whole.out}, dtype)) return status;
  return check_ids(name, {sizes}, index);
}

}  // namespace heddle

extern "C" int heddle_segment_matmul(const void* lhs, const void* rhs, const void* bias, const void* sizes, void* out,
                                     int64_t n, int64_t groups, int64_t k, int64_t m, int64_t transposed, int64_t dtype,
                                     int64_t index, int64_t threads) {
  using namespace heddle;
  return guarded("segment_matmul", [&] {
    const Product whole{lhs, rhs, bias, out, n, k, m, transposed != 0};
    if (int status = check("segment_matmul", whole, sizes, groups, dtype, index)) return status;
    std::vector<Product> products;
    if (int status = split("segment_matmul", sizes, index, n, groups, whole, dtype, false, products)) return status;
    return matmul(products, dtype, threads);
  });
}

extern "C" int heddle_segment_outer(const void* lhs, const void* rhs, const void* sizes, void* out, int64_t n,
                                    int64_t groups, int64_t k, int64_t m, int64_t dtype, int64_t index,
                                    int64_t threads) {
  using namespace heddle;
  return guarded("segment_outer", [&] {
    const Product whole{lhs, rhs, nullptr, out, n, k, m, false};
    if (int status = check("segment_outer", whole, sizes, groups, dtype, index)) return status;
    std::vector<Product> products;
    if (int status = split("segment_outer", sizes, index, n, groups, whole, dtype, true, products)) return status;
    return outer(products, dtype, threads);
  });
}
