// Rows copied from wherever they are, each times its scale; and values added to others.
#include "rows.hpp"

namespace heddle {
namespace HEDDLE_ISA {

void relational_scale(const RowScale& s, int64_t first, int64_t last) {
  with_value(s.dtype, [&](auto value) {
    using A = decltype(value);
    constexpr int W = LANES<A>;
    const RowAt<const A> from(s.from, s.index);
    const A* const scale = static_cast<const A*>(s.scale);
    for (int64_t i = first; i < last; ++i) {
      const A* const row = from(i);
      A* const to = static_cast<A*>(s.to) + i * s.width;
      const vec<A, W> factor = broadcast<A, W>(scale ? scale[i] : A(1));
      for (int64_t j = 0; j < s.width; j += W) store<W>(to + j, load<W>(row + j) * factor);
    }
  });
}

void relational_add(const void* values, int64_t count, void* sums, int64_t dtype) {
  with_value(dtype, [&](auto value) {
    using A = decltype(value);
    constexpr int W = LANES<A>;
    const A* const from = static_cast<const A*>(values);
    A* const to = static_cast<A*>(sums);
    for (int64_t i = 0; i < count; i += W) store<W>(to + i, load<W>(to + i) + load<W>(from + i));
  });
}

}  // namespace HEDDLE_ISA
}  // namespace heddle
