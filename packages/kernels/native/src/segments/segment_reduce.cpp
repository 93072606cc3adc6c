#include "segments/segments.hpp"
#include "simd/kernels.hpp"

extern "C" int heddle_segment_reduce(const void* ids, const void* data, void* out, int64_t count, int64_t segments,
                                     int64_t width, int64_t dtype, int64_t index, int64_t reduce, int64_t threads) {
  using namespace heddle;
  return guarded("segment_reduce", [&] {
    if (int status = check_types("segment_reduce", dtype, index)) return status;
    if (int status = check_sizes("segment_reduce", {width})) return status;
    if (int status = check_values("segment_reduce", {data, out}, dtype)) return status;
    if (int status = check_reduce("segment_reduce", reduce)) return status;
    Segments segmented;
    if (int status = segmented.build("segment_reduce", ids, count, segments, index, threads)) return status;
    return spmm("segment_reduce", {segmented.walk, nullptr, data, out, 1, width, dtype, reduce}, threads);
  });
}
