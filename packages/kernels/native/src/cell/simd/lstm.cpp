// The pointwise part of an LSTM's step.
#include "pointwise.hpp"

namespace heddle {
namespace HEDDLE_ISA {
namespace {

template <class A> void forward(const Lstm& op, int64_t first, int64_t last) {
  const int64_t n = op.hidden;
  const A* const p = at<A>(op.peephole, 0);
  for (int64_t r = first; r < last; ++r) {
    A* const q = at<A>(op.gates, 4 * r * n);
    const A* const old = at<A>(op.cell, r * n);
    A *const next = at<A>(op.new_cell, r * n), *const h = at<A>(op.h, r * n);
    over_columns<A>(n, [&](auto width, int64_t k) {
      constexpr int W = decltype(width)::value;
      using V = vec<A, W>;
      const V c = old ? load<W>(old + k) : broadcast<A, W>(0);
      V i = load<W>(q + k), f = load<W>(q + n + k), o = load<W>(q + 3 * n + k);
      if (p) i += load<W>(p + k) * c, f += load<W>(p + n + k) * c;
      i = sigmoid<A, W>(i), f = sigmoid<A, W>(f);
      const V g = tanh<A, W>(load<W>(q + 2 * n + k)), fresh = f * c + i * g;
      if (p) o += load<W>(p + 2 * n + k) * fresh;
      o = sigmoid<A, W>(o);
      store<W>(q + k, i), store<W>(q + n + k, f), store<W>(q + 2 * n + k, g), store<W>(q + 3 * n + k, o);
      store<W>(next + k, fresh), store<W>(h + k, o * tanh<A, W>(fresh));
    });
  }
}

template <class A> void backward(const LstmGrad& op, int64_t first, int64_t last, A* to, A* sums) {
  const int64_t n = op.hidden;
  const A* const p = at<A>(op.peephole, 0);
  for (int64_t r = first; r < last; ++r, to += 4 * n) {
    const A* const q = at<A>(op.gates, 4 * r * n);
    const A *const old = at<A>(op.cell, r * n), *const fresh = at<A>(op.new_cell, r * n);
    const A *const dh = at<A>(op.grad_h, r * n), *const dnew = at<A>(op.grad_new_cell, r * n);
    A* const dold = at<A>(op.grad_cell, r * n);
    over_columns<A>(n, [&](auto width, int64_t k) {
      constexpr int W = decltype(width)::value;
      using V = vec<A, W>;
      const V i = load<W>(q + k), f = load<W>(q + n + k), g = load<W>(q + 2 * n + k), o = load<W>(q + 3 * n + k);
      const V c = old ? load<W>(old + k) : broadcast<A, W>(0), now = load<W>(fresh + k), t = tanh<A, W>(now);
      const V above = dh ? load<W>(dh + k) : broadcast<A, W>(0), d_o = above * t * kept(o);
      V total = above * o * bent(t);
      if (dnew) total += load<W>(dnew + k);
      if (p) total += d_o * load<W>(p + 2 * n + k);
      const V di = total * g * kept(i), df = total * c * kept(f), dg = total * i * bent(g);
      store<W>(to + k, di), store<W>(to + n + k, df), store<W>(to + 2 * n + k, dg), store<W>(to + 3 * n + k, d_o);
      V back = total * f;
      if (p) back += di * load<W>(p + k) + df * load<W>(p + n + k);
      if (dold) store<W>(dold + k, back);
      add<W>(sums + k, di), add<W>(sums + n + k, df), add<W>(sums + 2 * n + k, dg), add<W>(sums + 3 * n + k, d_o);
      if (p) add<W>(sums + 4 * n + k, di * c), add<W>(sums + 5 * n + k, df * c), add<W>(sums + 6 * n + k, d_o * now);
    });
  }
}

}  // namespace

void lstm_rows(const Lstm& op, int64_t first, int64_t last, int64_t dtype) {
  with_wide(dtype, [&](auto tag) { forward<untag<decltype(tag)>>(op, first, last); });
}

void lstm_grad_rows(const LstmGrad& op, int64_t first, int64_t last, int64_t dtype, void* to, void* sums) {
  with_wide(dtype, [&](auto tag) {
    using A = untag<decltype(tag)>;
    backward<A>(op, first, last, static_cast<A*>(to), static_cast<A*>(sums));
  });
}

}  // namespace HEDDLE_ISA
}  // namespace heddle
