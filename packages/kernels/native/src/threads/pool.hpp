// The library's threads. libgomp's hang in a process forked after they were used, as data loaders do; these don't.
#pragma once
#include <cstdint>
#include <exception>
#include <utility>

namespace heddle {

// Call task(context, i) for each i in [0, count) on at most `threads` threads, the caller among them; 0: the setting, and
// less: as many, borrowed where there are any to borrow.
// Calls may come from many threads concurrently; a task must not throw.
void run_tasks(int64_t count, int64_t threads, void (*task)(void*, int64_t), void* context);

int64_t num_threads();
void set_num_threads(int64_t threads);
// Threads a call with this argument would use.
inline int64_t resolve_threads(int64_t threads) { return threads > 0 ? threads : threads < 0 ? -threads : num_threads(); }

// run_tasks for a callable.
template <class F> void parallel_for(int64_t count, int64_t threads, F&& body) {
  if (count == 1) return body(int64_t{0});
  run_tasks(count, threads, [](void* context, int64_t i) { (*static_cast<std::remove_reference_t<F>*>(context))(i); },
            const_cast<void*>(static_cast<const void*>(&body)));
}

}  // namespace heddle
