// Which processor a thread runs on.
#pragma once
#if defined(__linux__)
#include <sched.h>
#endif

namespace heddle {

// The processor that this thread is on; -1 where that can't be said.
inline int processor() {
#if defined(__linux__)
  return sched_getcpu();
#else
  return -1;
#endif
}

// Leave a processor for any other that this thread may use. A kernel that packs a process on few processors wakes a helper on
// the one of its caller, and it can take it milliseconds, which is longer than most loops last, to part the two.
inline void leave_processor(int from) {
#if defined(__linux__)
  if (from < 0 || sched_getcpu() != from) return;
  cpu_set_t all;
  if (sched_getaffinity(0, sizeof all, &all) != 0) return;
  cpu_set_t rest = all;
  CPU_CLR(from, &rest);
  if (CPU_COUNT(&rest) == 0) return;
  if (sched_setaffinity(0, sizeof rest, &rest) == 0) sched_setaffinity(0, sizeof all, &all);
#else
  (void)from;
#endif
}

}  // namespace heddle
