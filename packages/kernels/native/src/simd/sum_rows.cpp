// Sums of rows of which some elements are dropped: the bits that decide are computed where the row is read.
#include "../sample/stream.hpp"
#include "kernels.hpp"
#include "simd.hpp"

namespace heddle {
namespace HEDDLE_ISA {
namespace {

constexpr int WORDS = LANES<uint64_t>;  // of random bits, made in one go
constexpr int GROUP = 4 * WORDS;        // columns that they decide on

HEDDLE_INLINE uint64_t mixed(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

// For each of the columns from `column` on, all ones if it is kept: word c / 4 of the stream has 16 bits for column c.
HEDDLE_INLINE vec<int16_t, GROUP> kept(uint64_t stream, int64_t column, uint16_t dropped) {
  vec<uint64_t, WORDS> z;
  HEDDLE_UNROLL for (int i = 0; i < WORDS; ++i) z[i] = static_cast<uint64_t>(column / 4 + i + 1);
  z = z * GAMMA + stream;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  z ^= z >> 31;
  return bits<vec<uint16_t, GROUP>>(z) >= broadcast<uint16_t, GROUP>(dropped);
}

// Sums of GROUPS groups of columns from `column` on, of which `columns` are there.
template <class T, int GROUPS>
void pass(const SumRows& op, int64_t column, int64_t columns, int64_t first, int64_t last) {
  using A = acc_t<T>;
  using Mask = std::conditional_t<sizeof(A) == 8, int64_t, int32_t>;
  constexpr int W = LANES<A>, V = GROUP / W;
  const Ids indptr(op.walk.indptr, op.walk.index), ids(op.walk.ids, op.walk.index);
  const T* const x = static_cast<const T*>(op.x) + column;
  const T* const weight = static_cast<const T*>(op.weight);
  T* const out = static_cast<T*>(op.out) + column;
  const bool whole = columns >= GROUPS * GROUP;
  if (whole) columns = GROUPS * GROUP;
  const A scale = static_cast<A>(65536) / static_cast<A>(65536 - op.dropped);
  const int64_t end = indptr[last];
  int64_t j = indptr[first];
  for (int64_t r = first; r < last; ++r) {
    vec<A, W> sum[GROUPS * V];
    HEDDLE_UNROLL for (int v = 0; v < GROUPS * V; ++v) sum[v] = broadcast<A, W>(0);
    for (const int64_t to = indptr[r + 1]; j < to; ++j) {
      if (j + AHEAD < end) prefetch(x + ids[j + AHEAD] * op.width, columns * static_cast<int64_t>(sizeof(T)));
      const int64_t id = ids[j];
      const T* row = x + id * op.width;
      T padded[GROUPS * GROUP];
      if (!whole) {
        std::memset(padded, 0, sizeof padded);
        std::memcpy(padded, row, static_cast<size_t>(columns) * sizeof(T));
        row = padded;
      }
      const uint64_t stream = mixed(op.key + GAMMA * (static_cast<uint64_t>(id) + 1));
      const vec<A, W> by = broadcast<A, W>(weight ? load<1>(weight + j) * scale : scale);
      HEDDLE_UNROLL for (int g = 0; g < GROUPS; ++g) {
        const vec<int16_t, GROUP> mask = kept(stream, column + g * GROUP, static_cast<uint16_t>(op.dropped));
        HEDDLE_UNROLL for (int v = 0; v < V; ++v) {
          const vec<int16_t, W> part = read<int16_t, W>(reinterpret_cast<const int16_t*>(&mask) + v * W);
          const vec<Mask, W> value = bits<vec<Mask, W>>(load<W>(row + (g * V + v) * W));
          sum[g * V + v] += by * bits<vec<A, W>>(value & convert<Mask, W>(part));
        }
      }
    }
    if (whole) {
      HEDDLE_UNROLL for (int v = 0; v < GROUPS * V; ++v) store<W>(out + r * op.width + v * W, sum[v]);
    } else {
      T padded[GROUPS * GROUP];
      HEDDLE_UNROLL for (int v = 0; v < GROUPS * V; ++v) store<W>(padded + v * W, sum[v]);
      std::memcpy(out + r * op.width, padded, static_cast<size_t>(columns) * sizeof(T));
    }
  }
}

}  // namespace

void sum_rows(const SumRows& op, int64_t first, int64_t last) {
  with_dtype(op.dtype, [&](auto tag) {
    using T = untag<decltype(tag)>;
    for (int64_t column = 0; column < op.width;) {
      const int64_t left = op.width - column;
      left > GROUP ? pass<T, 2>(op, column, left, first, last) : pass<T, 1>(op, column, left, first, last);
      column += left > GROUP ? 2 * GROUP : GROUP;
    }
  });
}

}  // namespace HEDDLE_ISA
}  // namespace heddle
