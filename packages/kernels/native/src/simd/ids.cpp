// Range checks of ids, at the speed of reading them.
#include <type_traits>

#include "kernels.hpp"
#include "simd.hpp"

namespace heddle {
namespace HEDDLE_ISA {

int64_t bad_id(const void* ids, int64_t first, int64_t last, int64_t bound, int64_t index) {
  return with_index(index, [&](auto tag) -> int64_t {
    using I = untag<decltype(tag)>;
    using U = std::make_unsigned_t<I>;  // a negative id is a huge one
    constexpr U most = static_cast<U>(-1) / 2 + 1;  // one past the largest id that I holds
    const U limit = static_cast<uint64_t>(bound) > most ? most : static_cast<U>(bound);
    const I* const all = static_cast<const I*>(ids);
    U any = 0;
    for (int64_t i = first; i < last; ++i) any |= static_cast<U>(all[i]) >= limit;
    if (!any) return -1;
    int64_t at = first;
    while (static_cast<U>(all[at]) < limit) ++at;
    return at;
  });
}

}  // namespace HEDDLE_ISA
}  // namespace heddle
