#include "simd/kernels.hpp"

extern "C" int heddle_grouped_matmul(const void* const* lhs, const void* const* rhs, const void* const* biases,
                                     void* const* outs, const int64_t* shapes, int64_t count, int64_t transposed,
                                     int64_t dtype, int64_t threads) {
  using namespace heddle;
  return guarded("grouped_matmul", [&] {
    if (int status = check_types("grouped_matmul", dtype, HEDDLE_INT64)) return status;
    if (int status = check_sizes("grouped_matmul", {count})) return status;
    std::vector<Product> products;
    products.reserve(static_cast<size_t>(count));
    for (int64_t i = 0; i < count; ++i) {
      const void* const bias = biases ? biases[i] : nullptr;
      const int64_t* const shape = shapes + 3 * i;
      if (int status = check_sizes("grouped_matmul", {shape[0], shape[1], shape[2]})) return status;
      if (int status = check_values("grouped_matmul", {lhs[i], rhs[i], bias, outs[i]}, dtype)) return status;
      products.push_back({lhs[i], rhs[i], bias, outs[i], shape[0], shape[1], shape[2], transposed != 0});
    }
    return matmul(products, dtype, threads);
  });
}

extern "C" int heddle_grouped_outer(const void* const* lhs, const void* const* rhs, void* const* outs,
                                    const int64_t* shapes, int64_t count, int64_t dtype, int64_t threads) {
  using namespace heddle;
  return guarded("grouped_outer", [&] {
    if (int status = check_types("grouped_outer", dtype, HEDDLE_INT64)) return status;
    if (int status = check_sizes("grouped_outer", {count})) return status;
    std::vector<Product> products;
    products.reserve(static_cast<size_t>(count));
    for (int64_t i = 0; i < count; ++i) {
      const int64_t* const shape = shapes + 3 * i;
      if (int status = check_sizes("grouped_outer", {shape[0], shape[1], shape[2]})) return status;
      if (int status = check_values("grouped_outer", {lhs[i], rhs[i], outs[i]}, dtype)) return status;
      products.push_back({lhs[i], rhs[i], nullptr, outs[i], shape[0], shape[1], shape[2], false});
    }
    return outer(products, dtype, threads);
  });
}
