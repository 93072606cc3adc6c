// All types and widths in one unit: three quarters of its compilation are CUTLASS's headers.
#include "hopper.cuh"

namespace heddle::cuda {

int hopper_float16_narrow(const Launch& of) { return hopper<cutlass::half_t, 32>(of); }
int hopper_float16_wide(const Launch& of) { return hopper<cutlass::half_t, 128>(of); }
int hopper_float16_doubled(const Launch& of) { return hopper<cutlass::half_t, 256>(of); }

int hopper_bfloat16_narrow(const Launch& of) { return hopper<cutlass::bfloat16_t, 32>(of); }
int hopper_bfloat16_wide(const Launch& of) { return hopper<cutlass::bfloat16_t, 128>(of); }
int hopper_bfloat16_doubled(const Launch& of) { return hopper<cutlass::bfloat16_t, 256>(of); }

}  // namespace heddle::cuda
