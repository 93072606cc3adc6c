#include "ampere.cuh"

namespace heddle::cuda {

// Each operand is split into two TF32 numbers; of their four products the three that count are summed.
struct Three : Tensor<float, 4, Tile<16, 8, 8>, cutlass::arch::OpMultiplyAddFastF32> {
  using Narrow = Shape<Tile<128, 32, 32>, Tile<32, 32, 32>, 3>;
  using Wide = Shape<Tile<128, 64, 16>, Tile<64, 32, 16>, 3>;
};

int ampere_3xtf32(const Launch& of) { return ampere<Three>(of); }

}  // namespace heddle::cuda
