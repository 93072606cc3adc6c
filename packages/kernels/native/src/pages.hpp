// Large outputs on large pages: memory that was just allocated is otherwise faulted in 4 KB at a time, which for a sum over
// edges takes nearly as long as the sum.
#pragma once
#include <cstdint>
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace heddle {

// Ask for large pages in [start, start + bytes), where that is whole ones and at least `many` bytes; memory in use already
// stays as it is.
inline void prefer_large_pages(void* start, int64_t bytes, int64_t many = int64_t{8} << 20) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  constexpr uintptr_t PAGE = uintptr_t{1} << 21;
  const uintptr_t first = (reinterpret_cast<uintptr_t>(start) + PAGE - 1) & ~(PAGE - 1);
  const uintptr_t last = (reinterpret_cast<uintptr_t>(start) + static_cast<uintptr_t>(bytes)) & ~(PAGE - 1);
  if (bytes >= many && last > first) madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
#else
  (void)start, (void)bytes, (void)many;
#endif
}

}  // namespace heddle
