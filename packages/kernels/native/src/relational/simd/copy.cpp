// Rows copied between results as they are seen from outside, dense, and as they are worked on, in whole vectors.
#include "rows.hpp"

namespace heddle {
namespace HEDDLE_ISA {

void relational_copy(const RowCopy& c, int64_t first, int64_t last) {
  with_value(c.dtype, [&](auto value) {
    using A = decltype(value);
    constexpr int W = LANES<A>;
    const vec<A, W> zero = broadcast<A, W>(0);
    const int64_t end = c.to_stride > c.columns ? c.to_stride : c.columns;  // what is beyond the columns becomes 0
    for (int64_t i = first; i < last; ++i) {
      const A* const from = static_cast<const A*>(c.from) + i * c.from_stride;
      A* const to = static_cast<A*>(c.to) + i * c.to_stride;
      for (int64_t j = 0; j < end; j += W) {
        const int64_t here = c.columns - j;
        vec<A, W> v = load_some<A, W>(from + j, here);
        if (c.more) v += load_some<A, W>(static_cast<const A*>(c.more) + i * c.columns + j, here);
        if (c.gate) v = load_some<A, W>(static_cast<const A*>(c.gate) + i * c.columns + j, here) > zero ? v : zero;
        if (c.relu) v = larger(v, zero);
        store_some<A, W>(to + j, v, c.to_stride - j);
      }
    }
  });
}

}  // namespace HEDDLE_ISA
}  // namespace heddle
