#include "hopper.cuh"

int heddle::cuda::hopper_bfloat16_doubled(const Launch& of) { return hopper<cutlass::bfloat16_t, 256>(of); }
