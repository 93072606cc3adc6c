// How a function says what went wrong: a status code and one line of text, kept per thread.
#pragma once
#include "heddle_kernels.h"

namespace heddle {

// Keep the message and return `status`.
int fail(int status, const char* format, ...) __attribute__((format(printf, 2, 3)));

// Return the status of `body()`, with an exception turned into HEDDLE_MEMORY: none may cross the C interface.
template <class F> int guarded(const char* op, F&& body) noexcept {
  try {
    return body();
  } catch (...) {
    return fail(HEDDLE_MEMORY, "%s: found no memory for its workspace, expected some; use smaller inputs", op);
  }
}

}  // namespace heddle
