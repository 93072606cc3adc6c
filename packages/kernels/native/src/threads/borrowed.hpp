// The threads of an OpenMP runtime that is in the process already. Those of torch spin for milliseconds after each of its
// ops: beside them, threads of our own wait for a processor; with them, an op between two of torch's has all of them.
#pragma once
#include <cstdint>

namespace heddle {

// Call work(context) on at most `threads` threads concurrently, the caller among them, and return true when all are done; false
// if no such runtime is loaded, or its threads stayed behind in the process that forked this one.
bool run_borrowed(int64_t threads, void (*work)(void*), void* context);

}  // namespace heddle
