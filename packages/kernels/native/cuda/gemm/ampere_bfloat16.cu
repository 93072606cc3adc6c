#include "ampere.cuh"

int heddle::cuda::ampere_bfloat16(const Launch& of) { return ampere<Half<cutlass::bfloat16_t>>(of); }
