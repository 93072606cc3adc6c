#include "ampere.cuh"

int heddle::cuda::ampere_float16(const Launch& of) { return ampere<Half<cutlass::half_t>>(of); }
