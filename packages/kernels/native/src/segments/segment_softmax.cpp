#include "segments/segments.hpp"
#include "simd/kernels.hpp"

namespace heddle {

static int softmax(const char* name, const void* ids, const void* data, const void* grad, void* out, int64_t count,
                   int64_t segments, int64_t width, int64_t dtype, int64_t index, int64_t threads) {
  return guarded(name, [&] {
    if (int status = check_types(name, dtype, index)) return status;
    if (int status = check_sizes(name, {width})) return status;
    if (int status = check_values(name, {data, grad, out}, dtype)) return status;
    Segments segmented;
    if (int status = segmented.build(name, ids, count, segments, index, threads)) return status;
    if (count == 0 || width == 0) return static_cast<int>(HEDDLE_OK);
    const Softmax op{segmented.walk, data, grad, out, width, dtype};
    return for_rows(name, op.walk, 8 * width * size_of(dtype), threads,
                    [&](int64_t first, int64_t last) { HEDDLE_PICK(softmax_rows)(op, first, last); });
  });
}

}  // namespace heddle

extern "C" int heddle_segment_softmax(const void* ids, const void* data, void* out, int64_t count, int64_t segments,
                                      int64_t width, int64_t dtype, int64_t index, int64_t threads) {
  return heddle::softmax("segment_softmax", ids, data, nullptr, out, count, segments, width, dtype, index, threads);
}

extern "C" int heddle_segment_softmax_grad(const void* ids, const void* y, const void* grad, void* out, int64_t count,
                                           int64_t segments, int64_t width, int64_t dtype, int64_t index, int64_t threads) {
  return heddle::softmax("segment_softmax_grad", ids, y, grad, out, count, segments, width, dtype, index, threads);
}
