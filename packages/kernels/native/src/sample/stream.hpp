// Random numbers that depend on what they are for: heddle/sampling/stream.py, word for word.
#pragma once
#include <cmath>
#include <cstdint>

namespace heddle {

constexpr uint64_t GAMMA = 0x9E3779B97F4A7C15u;

inline uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

// The stream that `word` names below the stream `key`.
inline uint64_t branch(uint64_t key, uint64_t word) { return mix(key + GAMMA * (word + 1)); }
inline uint64_t branch(uint64_t key, uint64_t a, uint64_t b) { return branch(branch(key, a), b); }

struct Stream {
  uint64_t state;

  uint64_t word() { return mix(state += GAMMA); }

  // An integer in [0, bound), each exactly as likely as any other.
  uint64_t below(uint64_t bound) {
    unsigned __int128 product = static_cast<unsigned __int128>(word()) * bound;
    if (static_cast<uint64_t>(product) < bound) {
      const uint64_t threshold = -bound % bound;
      while (static_cast<uint64_t>(product) < threshold) product = static_cast<unsigned __int128>(word()) * bound;
    }
    return static_cast<uint64_t>(product >> 64);
  }

  double unit() { return static_cast<double>(word() >> 11) * 0x1p-53; }
  double exponential(double rate) { return -std::log((static_cast<double>(word() >> 11) + 0.5) * 0x1p-53) / rate; }
};

}  // namespace heddle
