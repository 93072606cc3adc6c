#include <cstring>

#include "pages.hpp"
#include "simd/kernels.hpp"

namespace heddle {
namespace {

// Copy rows of a size known to the compiler (or of `bytes`, if Bytes is 0).
template <int64_t Bytes, class I>
void copy_rows(const I* ids, const char* x, char* out, int64_t first, int64_t last, int64_t bytes) {
  constexpr int64_t AHEAD = 16;
  const int64_t size = Bytes ? Bytes : bytes;
  for (int64_t i = first; i < last; ++i) {
    const char* const later = x + static_cast<int64_t>(ids[i + AHEAD < last ? i + AHEAD : i]) * size;
    for (int64_t b = 0; b < size; b += 64) __builtin_prefetch(later + b);
    std::memcpy(out + i * size, x + static_cast<int64_t>(ids[i]) * size, static_cast<size_t>(size));
  }
}

template <class I> void copy_any(const I* ids, const char* x, char* out, int64_t first, int64_t last, int64_t bytes) {
  switch (bytes) {
    case 2: return copy_rows<2>(ids, x, out, first, last, bytes);
    case 4: return copy_rows<4>(ids, x, out, first, last, bytes);
    case 8: return copy_rows<8>(ids, x, out, first, last, bytes);
    case 16: return copy_rows<16>(ids, x, out, first, last, bytes);
    default: return copy_rows<0>(ids, x, out, first, last, bytes);
  }
}

}  // namespace
}  // namespace heddle

extern "C" int heddle_gather(const void* ids, const void* x, void* out, int64_t count, int64_t x_rows,
                             int64_t row_bytes, int64_t index, int64_t threads) {
  using namespace heddle;
  constexpr int64_t CHUNK_BYTES = 1 << 18, ALONE_BYTES = 1 << 21;  // see csr.hpp
  if (int status = check_types("gather", HEDDLE_FLOAT32, index)) return status;
  if (int status = check_sizes("gather", {count, x_rows, row_bytes})) return status;
  if (int status = check_ids("gather", {ids}, index)) return status;
  int64_t chunk = CHUNK_BYTES / (row_bytes + 8);
  chunk = count * (row_bytes + 8) < ALONE_BYTES ? count : chunk < 1 ? 1 : chunk;
  prefer_large_pages(out, count * row_bytes);
  std::atomic<int64_t> bad{-1};
  with_index(index, [&](auto tag) {
    const auto* const all = static_cast<const untag<decltype(tag)>*>(ids);
    parallel_for(count ? (count + chunk - 1) / chunk : 0, threads, [&](int64_t k) {
      const int64_t first = k * chunk, last = first + chunk < count ? first + chunk : count;
      const int64_t at = HEDDLE_PICK(bad_id)(ids, first, last, x_rows, index);
      if (at >= 0) return bad.store(at, std::memory_order_relaxed);
      copy_any(all, static_cast<const char*>(x), static_cast<char*>(out), first, last, row_bytes);
    });
  });
  return bad < 0 ? HEDDLE_OK : out_of_range("gather", "ids", ids, bad, x_rows, index);
}
