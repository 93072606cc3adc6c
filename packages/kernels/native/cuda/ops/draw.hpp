// Random numbers and draws of heddle/sampling/{stream,draw}.py, for edges of equal weight.
#pragma once
#include "../hd.hpp"

namespace heddle::cuda {

constexpr uint64_t GAMMA = 0x9E3779B97F4A7C15u;

HEDDLE_HD uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

HEDDLE_HD uint64_t branch(uint64_t key, uint64_t word) { return mix(key + GAMMA * (word + 1)); }

HEDDLE_HD uint64_t high_product(uint64_t a, uint64_t b) {
#if defined(__CUDA_ARCH__)
  return __umul64hi(a, b);
#else
  return static_cast<uint64_t>(static_cast<unsigned __int128>(a) * b >> 64);
#endif
}

struct Stream {
  uint64_t state;

  HEDDLE_HD uint64_t word() { return mix(state += GAMMA); }

  // An integer in [0, bound), each exactly as likely as any other.
  HEDDLE_HD uint64_t below(uint64_t bound) {
    uint64_t drawn = word();
    if (drawn * bound < bound) {
      const uint64_t threshold = (0 - bound) % bound;
      while (drawn * bound < threshold) drawn = word();
    }
    return high_product(drawn, bound);
  }
};

// How many edges draw() takes of n.
HEDDLE_HD int64_t drawn(int64_t n, int64_t size, bool replace) {
  if (n == 0 || size == 0) return 0;
  return size < 0 || (size >= n && !replace) ? n : size;
}

// Write drawn(n, size, replace) positions out of from to from + n - 1.
HEDDLE_HD void draw(int64_t n, int64_t size, bool replace, int64_t from, Stream stream, int64_t* out) {
  const int64_t count = drawn(n, size, replace);
  if (size < 0 || (size >= n && !replace)) {
    for (int64_t i = 0; i < count; ++i) out[i] = from + i;
    return;
  }
  for (int64_t i = 0; i < count; ++i) {
    const int64_t last = replace ? n - 1 : n - size + i;
    int64_t position = from + static_cast<int64_t>(stream.below(static_cast<uint64_t>(last) + 1));
    for (int64_t before = 0; before < i && !replace; ++before)  // Floyd: who is taken already gives way to the last
      if (out[before] == position) {
        position = from + last;
        break;
      }
    out[i] = position;
  }
}

}  // namespace heddle::cuda
