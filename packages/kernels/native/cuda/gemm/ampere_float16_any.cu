#include "ampere.cuh"

int heddle::cuda::ampere_float16_any(const Launch& of) { return ampere<HalfAny<cutlass::half_t>>(of); }
