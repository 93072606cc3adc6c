// Threads that stay together through the many short loops of one call. To wake and to join them costs more than such a loop
// takes, so they wait for the next one awake.
#pragma once
#include <type_traits>

#include "threads/pool.hpp"

namespace heddle {

// Call body() on the caller's thread, with up to `threads` - 1 others at hand: each run_tasks (parallel_for) that the body
// calls directly is shared among them. What the body throws is thrown to the caller, once the others have left.
void run_as_team(int64_t threads, void (*body)(void*), void* context);

template <class F> void as_team(int64_t threads, F&& body) {
  run_as_team(threads, [](void* context) { (*static_cast<std::remove_reference_t<F>*>(context))(); },
              const_cast<void*>(static_cast<const void*>(&body)));
}

// run_tasks of the team that this thread leads; false if it leads none.
bool run_in_team(int64_t count, void (*task)(void*, int64_t), void* context);

}  // namespace heddle
