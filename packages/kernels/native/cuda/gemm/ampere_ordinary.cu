// Float32 and float64 on the ordinary units.
#include "ampere.cuh"

namespace heddle::cuda {

struct Float32 : Simt<float> {
  using Narrow = Shape<Tile<128, 32, 8>, Tile<32, 32, 8>, 4>;
  using Wide = Shape<Tile<128, 128, 8>, Tile<32, 64, 8>, 4>;
};

struct Float64 : Simt<double> {
  using Narrow = Shape<Tile<64, 32, 8>, Tile<32, 32, 8>, 3>;
  using Wide = Narrow;
};

int ampere_float32(const Launch& of) { return ampere<Float32>(of); }
int ampere_float64(const Launch& of) { return ampere_of<Float64, Float64::Narrow>(of); }

}  // namespace heddle::cuda
