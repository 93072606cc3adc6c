#include "ampere.cuh"

namespace heddle::cuda {

int ampere_bfloat16(const Launch& of) { return ampere<Half<cutlass::bfloat16_t>>(of); }
int ampere_bfloat16_any(const Launch& of) { return ampere<HalfAny<cutlass::bfloat16_t>>(of); }

}  // namespace heddle::cuda
