#include "status.hpp"

#include <cstdarg>
#include <cstdio>

namespace heddle {

static thread_local char message[512] = "";

int fail(int status, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  return status;
}

}  // namespace heddle

extern "C" const char* heddle_last_error(void) { return heddle::message; }
extern "C" int heddle_abi_version(void) { return 6; }
