#include "ampere.cuh"

namespace heddle::cuda {

int ampere_float16(const Launch& of) { return ampere<Half<cutlass::half_t>>(of); }
int ampere_float16_any(const Launch& of) { return ampere<HalfAny<cutlass::half_t>>(of); }

}  // namespace heddle::cuda
