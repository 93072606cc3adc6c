// Sums of rows along edges: accumulators stay in registers while the edges of a row go by; rows to come are prefetched.
#include "rows.hpp"

namespace heddle {
namespace HEDDLE_ISA {
namespace {

constexpr int64_t LATER = 4096;  // ids that are brought near before their check

// Sum of rows ids[j] for j in [from, to), N vectors from `data` on, in the order of two sums, so that one addition needn't
// wait for the last. `Stride` is that of the rows if it is known, else 0.
template <class A, class I, int N, int Stride, bool weighted> struct Sum {
  static constexpr int W = LANES<A>;
  const RowGather& g;
  const I* ids;
  const A* data;
  const A* weight;
  Ids perm;
  int64_t tail;  // lanes of the last vector

  HEDDLE_INLINE const A* row(int64_t j) const {
    return data + (static_cast<int64_t>(ids[j]) - g.first) * (Stride ? Stride : g.stride);
  }
  HEDDLE_INLINE void add(int64_t j, vec<A, W> (&sum)[N]) const {
    const A* const from = row(j);
    HEDDLE_UNROLL for (int n = 0; n < N; ++n) {
      vec<A, W> value = n == N - 1 && !Stride ? load_some<A, W>(from + n * W, tail) : load<W>(from + n * W);
      if constexpr (weighted) value *= broadcast<A, W>(weight[perm[j]]);
      sum[n] += value;
    }
  }
  HEDDLE_INLINE void operator()(int64_t from, int64_t to, vec<A, W> (&sum)[N]) const {
    constexpr int TWO = N > 4 ? 1 : 2;
    vec<A, W> other[N];
    HEDDLE_UNROLL for (int n = 0; n < N; ++n) sum[n] = other[n] = broadcast<A, W>(0);
    int64_t j = from;
    Blocks<A, W> blocks[N];
    const bool is_long = to - from > TWO * LONG;
    if (is_long) HEDDLE_UNROLL for (int n = 0; n < N; ++n) blocks[n].start();
    while (is_long && to - j > TWO * TERMS) {
      for (const int64_t cut = j + TWO * TERMS; j < cut; j += TWO) {
        add(j, sum);
        if constexpr (TWO == 2) add(j + 1, other);
      }
      HEDDLE_UNROLL for (int n = 0; n < N; ++n) {
        blocks[n].take(sum[n]);
        if constexpr (TWO == 2) blocks[n].take(other[n]);
      }
    }
    for (; j + TWO <= to; j += TWO) {
      add(j, sum);
      if constexpr (TWO == 2) add(j + 1, other);
    }
    if (TWO == 2 && j < to) add(j, sum);
    if constexpr (TWO == 2) HEDDLE_UNROLL for (int n = 0; n < N; ++n) sum[n] += other[n];
    if (is_long)
      HEDDLE_UNROLL for (int n = 0; n < N; ++n) {
        blocks[n].take(sum[n]);
        sum[n] = blocks[n].total;
      }
  }
};

// Column vectors [column, column + N) of rows [first, last).
template <class A, class I, int N, int Stride, bool weighted>
void pass(const RowGather& g, int64_t column, int64_t first, int64_t last) {
  constexpr int W = LANES<A>;
  const I *const begin = static_cast<const I*>(g.begin), *const end = static_cast<const I*>(g.end);
  const int64_t left = g.columns - column, tail = left < N * W ? left - (N - 1) * W : W;
  const Sum<A, I, N, Stride, weighted> sum_up{g, static_cast<const I*>(g.ids), static_cast<const A*>(g.data) + column,
                                              static_cast<const A*>(g.weight), Ids(g.perm, g.index), tail};
  const A* const scale = static_cast<const A*>(g.scale);
  const RowAt<A> out(g.out, g.index);
  for (int64_t r = first; r < last; ++r) {
    vec<A, W> sum[N];
    if (end[r] + LATER < g.edges) __builtin_prefetch(sum_up.ids + end[r] + LATER, 0, 2);
    sum_up(begin[r], end[r], sum);
    if (scale) HEDDLE_UNROLL for (int n = 0; n < N; ++n) sum[n] *= broadcast<A, W>(scale[r]);
    A* const target = out(r) + column;
    HEDDLE_UNROLL for (int n = 0; n < N; ++n) {
      const int64_t lanes = n == N - 1 ? tail : W;
      if (g.add) sum[n] += load_some<A, W>(target + n * W, lanes);
      store_some<A, W>(target + n * W, sum[n], lanes);
    }
  }
}

// pass for one row of a panel, of so many edges that they are summed by blocks.
template <class A, class I, int N> __attribute__((noinline)) void long_row(const RowGather& g, int64_t row) {
  pass<A, I, N, N * LANES<A>, false>(g, 0, row, row + 1);
}

// pass for panels of N vectors and rows of some edges each, one row's right after the last one's: no branch depends on
// how many edges are left over, since a wrong guess costs more than a few loads. What is read beyond a row's edges are
// rows of those that follow, checked as well, and is masked.
template <class A, class I, int N> __attribute__((noinline)) void steady(const RowGather& g, int64_t first, int64_t last) {
  constexpr int W = LANES<A>, AT_ONCE = N == 1 ? 6 : 4;
  using Bits = std::conditional_t<sizeof(A) == 8, uint64_t, uint32_t>;
  static const Bits KEEP[16] = {~Bits{}, ~Bits{}, ~Bits{}, ~Bits{}, ~Bits{}, ~Bits{}, ~Bits{}, ~Bits{}};
  const I *const end = static_cast<const I*>(g.end), *const ids = static_cast<const I*>(g.ids);
  const A* const data = static_cast<const A*>(g.data) - g.first * (N * W);
  const A* const scale = static_cast<const A*>(g.scale);
  const RowAt<A> out(g.out, g.index);
  const bool more = g.add;
  const int64_t limit = end[last - 1], soon = g.edges - LATER;
  int64_t j = static_cast<const I*>(g.begin)[first];
  for (int64_t r = first; r < last; ++r) {
    vec<A, W> even[N], odd[N];
    HEDDLE_UNROLL for (int n = 0; n < N; ++n) even[n] = odd[n] = broadcast<A, W>(0);
    const auto add = [&](vec<A, W> (&sum)[N], I id) __attribute__((always_inline)) {
      const A* const from = data + static_cast<int64_t>(id) * (N * W);
      HEDDLE_UNROLL for (int n = 0; n < N; ++n) sum[n] += load<W>(from + n * W);
    };
    const auto add_if = [&](vec<A, W> (&sum)[N], I id, Bits kept) __attribute__((always_inline)) {
      const A* const from = data + static_cast<int64_t>(id) * (N * W);
      HEDDLE_UNROLL for (int n = 0; n < N; ++n)
        sum[n] += bits<vec<A, W>>(bits<vec<Bits, W>>(load<W>(from + n * W)) & broadcast<Bits, W>(kept));
    };
    const int64_t stop = end[r];
    if (stop < soon) __builtin_prefetch(ids + stop + LATER, 0, 2);
    if (stop - j > LONG) {
      long_row<A, I, N>(g, r);
      j = stop;
      continue;
    }
    for (; j + AT_ONCE <= stop; j += AT_ONCE)
      HEDDLE_UNROLL for (int k = 0; k < AT_ONCE; k += 2) add(even, ids[j + k]), add(odd, ids[j + k + 1]);
    if (j + AT_ONCE <= limit) {
      const Bits* keep = KEEP + 8 - (stop - j);
      keep_base(keep);
      HEDDLE_UNROLL for (int k = 0; k + 1 < AT_ONCE; ++k) add_if(k % 2 ? odd : even, ids[j + k], keep[k]);
    } else {
      for (; j + 2 <= stop; j += 2) add(even, ids[j]), add(odd, ids[j + 1]);
      if (j < stop) add(even, ids[j]);
    }
    j = stop;
    A* const target = out(r);
    HEDDLE_UNROLL for (int n = 0; n < N; ++n) {
      vec<A, W> total = even[n] + odd[n];
      if (scale) total *= broadcast<A, W>(scale[r]);
      if (more) total += load<W>(target + n * W);
      store<W>(target + n * W, total);
    }
  }
}

// Whether `steady` is worth it: rows lie one after the other, and have edges enough.
template <class I> bool is_steady(const RowGather& g, int64_t first, int64_t last) {
  constexpr int64_t ENOUGH = 3;  // edges of a row
  const I *const begin = static_cast<const I*>(g.begin), *const end = static_cast<const I*>(g.end);
  return end == begin + 1 && end[last - 1] - begin[first] >= ENOUGH * (last - first);
}

template <class A, class I, bool weighted> void gather(const RowGather& g, int64_t first, int64_t last) {
  constexpr int64_t W = LANES<A>;
  if (first == last) return;
  if (g.stride == g.columns) {  // panels: mostly of one, two or four vectors
    if constexpr (!weighted) {
      if (g.columns == W && is_steady<I>(g, first, last)) return steady<A, I, 1>(g, first, last);
      if (g.columns == 2 * W && is_steady<I>(g, first, last)) return steady<A, I, 2>(g, first, last);
    }
    if (g.columns == W) return pass<A, I, 1, W, weighted>(g, 0, first, last);
    if (g.columns == 2 * W) return pass<A, I, 2, 2 * W, weighted>(g, 0, first, last);
    if (g.columns == 4 * W) return pass<A, I, 4, 4 * W, weighted>(g, 0, first, last);
  }
  int64_t column = 0;
  for (; column + 7 * W < g.columns; column += 8 * W) pass<A, I, 8, 0, weighted>(g, column, first, last);
  for (; column + 3 * W < g.columns; column += 4 * W) pass<A, I, 4, 0, weighted>(g, column, first, last);
  for (; column + W < g.columns; column += 2 * W) pass<A, I, 2, 0, weighted>(g, column, first, last);
  for (; column < g.columns; column += W) pass<A, I, 1, 0, weighted>(g, column, first, last);
}

}  // namespace

int64_t relational_outside(const void* ids, int64_t first, int64_t last, int64_t low, int64_t high, int64_t index) {
  return with_index(index, [&](auto tag) -> int64_t {
    using I = untag<decltype(tag)>;
    using U = std::make_unsigned_t<I>;  // an id below `low` becomes a huge one
    constexpr int W = LANES<U>;
    const I* const all = static_cast<const I*>(ids);
    constexpr auto most = static_cast<int64_t>(static_cast<U>(-1) / 2);  // the largest id that I holds
    const U start = static_cast<U>(low);
    const U size = low > most ? 0 : static_cast<U>((high - 1 < most ? high - 1 : most) - low) + 1;
    const auto out = [&](int64_t i) { return static_cast<U>(static_cast<U>(all[i]) - start) >= size; };
    vec<U, W> any = broadcast<U, W>(0);
    int64_t i = first;
    for (; i + W <= last; i += W) {
      const vec<U, W> from_low = read<U, W>(all + i) - start;
      any |= from_low >= size ? broadcast<U, W>(1) : broadcast<U, W>(0);
    }
    bool bad = lane_sum<U, W>(any) != 0;
    for (; i < last; ++i) bad |= out(i);
    for (i = first; bad && !out(i); ++i) {
    }
    return bad ? i : -1;
  });
}

void relational_gather(const RowGather& g, int64_t first, int64_t last) {
  with_value(g.dtype, [&](auto value) {
    using A = decltype(value);
    with_index(g.index, [&](auto tag) {
      using I = untag<decltype(tag)>;
      g.weight ? gather<A, I, true>(g, first, last) : gather<A, I, false>(g, first, last);
    });
  });
}

}  // namespace HEDDLE_ISA
}  // namespace heddle
