// Memory that a thread keeps for its next task.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <memory>

namespace heddle {

// At least `bytes` bytes, good until this thread's next call; NULL if there is none to have.
inline void* scratch(int64_t bytes) {
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  static thread_local std::unique_ptr<void, Free> memory;
  static thread_local int64_t held = 0;
  if (bytes > held) {
    memory.reset(std::malloc(static_cast<size_t>(bytes)));
    held = memory ? bytes : 0;
  }
  return memory.get();
}

}  // namespace heddle
