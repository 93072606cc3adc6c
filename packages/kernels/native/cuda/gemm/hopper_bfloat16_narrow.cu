#include "hopper.cuh"

int heddle::cuda::hopper_bfloat16_narrow(const Launch& of) { return hopper<cutlass::bfloat16_t, 32>(of); }
