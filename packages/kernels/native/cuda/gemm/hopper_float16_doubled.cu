#include "hopper.cuh"

int heddle::cuda::hopper_float16_doubled(const Launch& of) { return hopper<cutlass::half_t, 256>(of); }
