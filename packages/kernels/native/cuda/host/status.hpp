// How a function says what went wrong: a status and one line of text, kept per thread.
#pragma once
#include "../heddle_cuda.h"

namespace heddle::cuda {

// Keep the message and return `status`.
int fail(int status, const char* format, ...) __attribute__((format(printf, 2, 3)));

inline long long num(int64_t value) { return value; }

}  // namespace heddle::cuda
