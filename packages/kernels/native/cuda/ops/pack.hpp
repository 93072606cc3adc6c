// Elements that are moved by one instruction.
#pragma once

namespace heddle::cuda {

template <class T, int V>
struct alignas(sizeof(T) * V) Pack {
  T at[V];
};

}  // namespace heddle::cuda
