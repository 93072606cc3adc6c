#include "ampere.cuh"

namespace heddle::cuda {

struct Float32 : Simt<float> {
  using Narrow = Shape<Tile<128, 32, 8>, Tile<32, 32, 8>, 4>;
  using Wide = Shape<Tile<128, 128, 8>, Tile<32, 64, 8>, 4>;
};

int ampere_float32(const Launch& of) { return ampere<Float32>(of); }

}  // namespace heddle::cuda
