#include "hopper.cuh"

int heddle::cuda::hopper_float16_narrow(const Launch& of) { return hopper<cutlass::half_t, 32>(of); }
