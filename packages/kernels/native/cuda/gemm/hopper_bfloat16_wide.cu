#include "hopper.cuh"

int heddle::cuda::hopper_bfloat16_wide(const Launch& of) { return hopper<cutlass::bfloat16_t, 128>(of); }
