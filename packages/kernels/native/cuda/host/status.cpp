#include "status.hpp"

#include <cstdarg>
#include <cstdio>

namespace heddle::cuda {

static thread_local char message[512] = "";

int fail(int status, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  return status;
}

}  // namespace heddle::cuda

extern "C" const char* heddle_cuda_last_error(void) { return heddle::cuda::message; }
extern "C" int heddle_cuda_abi_version(void) { return 4; }
