// What the matrix units multiply, in one unit: CUTLASS's headers take as long to compile as two types' kernels.
#include "ampere.cuh"

namespace heddle::cuda {

struct Tf32 : Tensor<float, 4, Tile<16, 8, 8>> {
  using Narrow = Shape<Tile<128, 32, 32>, Tile<32, 32, 32>, 3>;
  using Wide = Shape<Tile<128, 128, 16>, Tile<64, 64, 16>, 4>;
};

// Each operand is split into two TF32 numbers; of their four products the three that count are summed.
struct Three : Tensor<float, 4, Tile<16, 8, 8>, cutlass::arch::OpMultiplyAddFastF32> {
  using Narrow = Shape<Tile<128, 32, 32>, Tile<32, 32, 32>, 3>;
  using Wide = Shape<Tile<128, 64, 16>, Tile<64, 32, 16>, 3>;
};

int ampere_tf32(const Launch& of) { return ampere<Tf32>(of); }
int ampere_3xtf32(const Launch& of) { return ampere<Three>(of); }
int ampere_float16(const Launch& of) { return ampere<Half<cutlass::half_t>>(of); }
int ampere_float16_any(const Launch& of) { return ampere<HalfAny<cutlass::half_t>>(of); }
int ampere_bfloat16(const Launch& of) { return ampere<Half<cutlass::bfloat16_t>>(of); }
int ampere_bfloat16_any(const Launch& of) { return ampere<HalfAny<cutlass::bfloat16_t>>(of); }

}  // namespace heddle::cuda
