// parallel_for for tasks that need memory, and each thread's memory for drawing.
#pragma once
#include <atomic>
#include <new>

#include "threads/pool.hpp"
#include "draw.hpp"

namespace heddle {

// As parallel_for; where a task ran out of memory, throws std::bad_alloc once all are done.
template <class F>
void parallel_guarded(int64_t count, int64_t threads, F&& body) {
  std::atomic<bool> failed{false};
  parallel_for(count, threads, [&](int64_t i) {
    try {
      body(i);
    } catch (...) {
      failed.store(true, std::memory_order_relaxed);
    }
  });
  if (failed) throw std::bad_alloc();
}

// The calling thread's Scratch, kept for its next task.
Scratch& thread_scratch();

}  // namespace heddle
