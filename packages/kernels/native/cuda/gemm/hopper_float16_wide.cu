#include "hopper.cuh"

int heddle::cuda::hopper_float16_wide(const Launch& of) { return hopper<cutlass::half_t, 128>(of); }
