#include "ampere.cuh"

namespace heddle::cuda {

struct Tf32 : Tensor<float, 4, Tile<16, 8, 8>> {
  using Narrow = Shape<Tile<128, 32, 32>, Tile<32, 32, 32>, 3>;
  using Wide = Shape<Tile<128, 128, 16>, Tile<64, 64, 16>, 4>;
};

int ampere_tf32(const Launch& of) { return ampere<Tf32>(of); }

}  // namespace heddle::cuda
