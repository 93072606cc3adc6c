// Sums of single rows, value by value: the same bits in every instruction set.
#include "kernels.hpp"
#include "simd.hpp"

namespace heddle {
namespace HEDDLE_ISA {

void add_row(const float* row, int64_t n, float* sum) {
  constexpr int W = LANES<float>;
  int64_t i = 0;
  for (; i + W <= n; i += W) store<W>(sum + i, load<W>(sum + i) + load<W>(row + i));
  for (; i + 4 <= n; i += 4) store<4>(sum + i, load<4>(sum + i) + load<4>(row + i));
  for (; i < n; ++i) sum[i] += row[i];
}

void scale_row(float* row, int64_t n, float by) {
  constexpr int W = LANES<float>;
  int64_t i = 0;
  for (; i + W <= n; i += W) store<W>(row + i, load<W>(row + i) * by);
  for (; i + 4 <= n; i += 4) store<4>(row + i, load<4>(row + i) * by);
  for (; i < n; ++i) row[i] *= by;
}

}  // namespace HEDDLE_ISA
}  // namespace heddle
