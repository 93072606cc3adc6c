// The pointwise parts of both halves of a GRU's step.
#include "pointwise.hpp"

namespace heddle {
namespace HEDDLE_ISA {
namespace {

template <class A> void forward(const GruGates& op, int64_t first, int64_t last) {
  const int64_t n = op.hidden;
  for (int64_t r = first; r < last; ++r) {
    A *const q = at<A>(op.gates, 2 * r * n), *const reset = at<A>(op.reset, r * n);
    const A* const h = at<A>(op.h, r * n);
    over_columns<A>(2 * n, [&](auto width, int64_t k) {
      constexpr int W = decltype(width)::value;
      store<W>(q + k, sigmoid<A, W>(load<W>(q + k)));
    });
    if (h && reset)
      over_columns<A>(n, [&](auto width, int64_t k) {
        constexpr int W = decltype(width)::value;
        store<W>(reset + k, load<W>(q + k) * load<W>(h + k));
      });
  }
}

template <class A> void forward(const GruOutput& op, int64_t first, int64_t last) {
  const int64_t n = op.hidden;
  for (int64_t r = first; r < last; ++r) {
    A *const q = at<A>(op.candidate, r * n), *const out = at<A>(op.out, r * n);
    const A *const z = at<A>(op.z, r * op.z_stride), *const h = at<A>(op.h, r * n);
    over_columns<A>(n, [&](auto width, int64_t k) {
      constexpr int W = decltype(width)::value;
      const vec<A, W> c = tanh<A, W>(load<W>(q + k)), old = h ? load<W>(h + k) : broadcast<A, W>(0);
      store<W>(q + k, c), store<W>(out + k, c + load<W>(z + k) * (old - c));
    });
  }
}

template <class A> void backward(const GruGatesGrad& op, int64_t first, int64_t last, A* to, A* sums) {
  const int64_t n = op.hidden;
  for (int64_t r = first; r < last; ++r, to += 2 * n) {
    const A* const q = at<A>(op.gates, 2 * r * n);
    const A *const h = at<A>(op.h, r * n), *const dz = at<A>(op.grad_z, r * n);
    const A* const dreset = h ? at<A>(op.grad_reset, r * n) : nullptr;
    A* const dh = at<A>(op.grad_h, r * n);
    over_columns<A>(n, [&](auto width, int64_t k) {
      constexpr int W = decltype(width)::value;
      using V = vec<A, W>;
      const V nothing = broadcast<A, W>(0), reset = load<W>(q + k), z = load<W>(q + n + k);
      const V above = dreset ? load<W>(dreset + k) : nothing;
      const V dr = h ? above * load<W>(h + k) * kept(reset) : nothing;
      const V d_z = dz ? load<W>(dz + k) * kept(z) : nothing;
      store<W>(to + k, dr), store<W>(to + n + k, d_z);
      if (dh) store<W>(dh + k, above * reset);
      add<W>(sums + k, dr), add<W>(sums + n + k, d_z);
    });
  }
}

template <class A> void backward(const GruOutputGrad& op, int64_t first, int64_t last, A* to, A* sums) {
  const int64_t n = op.hidden;
  for (int64_t r = first; r < last; ++r, to += n) {
    const A *const q = at<A>(op.candidate, r * n), *const z = at<A>(op.z, r * op.z_stride);
    const A *const h = at<A>(op.h, r * n), *const above = at<A>(op.grad_out, r * n);
    A *const dz = at<A>(op.grad_z, r * n), *const dh = at<A>(op.grad_h, r * n);
    over_columns<A>(n, [&](auto width, int64_t k) {
      constexpr int W = decltype(width)::value;
      using V = vec<A, W>;
      const V c = load<W>(q + k), grad = load<W>(above + k), carried = grad * load<W>(z + k);
      const V old = h ? load<W>(h + k) : broadcast<A, W>(0), dc = (grad - carried) * bent(c);
      store<W>(to + k, dc);
      if (dz) store<W>(dz + k, grad * (old - c));
      if (dh) store<W>(dh + k, carried);
      add<W>(sums + k, dc);
    });
  }
}

}  // namespace

void gru_gates_rows(const GruGates& op, int64_t first, int64_t last, int64_t dtype) {
  with_wide(dtype, [&](auto tag) { forward<untag<decltype(tag)>>(op, first, last); });
}

void gru_output_rows(const GruOutput& op, int64_t first, int64_t last, int64_t dtype) {
  with_wide(dtype, [&](auto tag) { forward<untag<decltype(tag)>>(op, first, last); });
}

void gru_gates_grad_rows(const GruGatesGrad& op, int64_t first, int64_t last, int64_t dtype, void* to, void* sums) {
  with_wide(dtype, [&](auto tag) {
    using A = untag<decltype(tag)>;
    backward<A>(op, first, last, static_cast<A*>(to), static_cast<A*>(sums));
  });
}

void gru_output_grad_rows(const GruOutputGrad& op, int64_t first, int64_t last, int64_t dtype, void* to, void* sums) {
  with_wide(dtype, [&](auto tag) {
    using A = untag<decltype(tag)>;
    backward<A>(op, first, last, static_cast<A*>(to), static_cast<A*>(sums));
  });
}

}  // namespace HEDDLE_ISA
}  // namespace heddle
