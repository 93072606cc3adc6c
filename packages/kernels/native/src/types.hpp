// Element types, and the step from a run-time type code to a template.
#pragma once
#include <cstdint>

#include "heddle_kernels.h"

namespace heddle {

struct bf16 {
  uint16_t bits;
};
struct f16 {
  uint16_t bits;
};

// What sums of T are kept in.
template <class T> struct Accumulator { using type = float; };
template <> struct Accumulator<double> { using type = double; };
template <class T> using acc_t = typename Accumulator<T>::type;

template <class T> struct Tag { using type = T; };
template <class T> using untag = typename T::type;

// Call f(Tag<T>{}) for the type that `dtype` names; the caller has checked it.
template <class F> auto with_dtype(int64_t dtype, F&& f) {
  switch (dtype) {
    case HEDDLE_FLOAT64: return f(Tag<double>{});
    case HEDDLE_BFLOAT16: return f(Tag<bf16>{});
    case HEDDLE_FLOAT16: return f(Tag<f16>{});
    default: return f(Tag<float>{});
  }
}

template <class F> auto with_index(int64_t index, F&& f) {
  return index == HEDDLE_INT64 ? f(Tag<int64_t>{}) : f(Tag<int32_t>{});
}

inline int64_t size_of(int64_t dtype) { return dtype == HEDDLE_FLOAT64 ? 8 : dtype == HEDDLE_FLOAT32 ? 4 : 2; }
inline int64_t index_size(int64_t index) { return index == HEDDLE_INT64 ? 8 : 4; }

}  // namespace heddle
