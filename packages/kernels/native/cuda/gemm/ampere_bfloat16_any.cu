#include "ampere.cuh"

int heddle::cuda::ampere_bfloat16_any(const Launch& of) { return ampere<HalfAny<cutlass::bfloat16_t>>(of); }
