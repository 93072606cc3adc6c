#include "ampere.cuh"

namespace heddle::cuda {

struct Float64 : Simt<double> {
  using Narrow = Shape<Tile<64, 32, 8>, Tile<32, 32, 8>, 3>;
  using Wide = Narrow;
};

int ampere_float64(const Launch& of) { return ampere_of<Float64, Float64::Narrow>(of); }

}  // namespace heddle::cuda
