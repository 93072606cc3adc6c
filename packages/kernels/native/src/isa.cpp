#include "isa.hpp"

#include <atomic>
#include <cstring>

#include "heddle_kernels.h"
#include "status.hpp"

namespace heddle {
namespace {

Isa best() {
#if defined(HEDDLE_X86)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma"))
    return Isa::avx512;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return Isa::avx2;
#endif
  return Isa::base;
}

std::atomic<Isa> chosen{best()};
const char* const NAMES[] = {"base", "avx2", "avx512"};

}  // namespace

Isa isa() { return chosen.load(std::memory_order_relaxed); }

}  // namespace heddle

extern "C" const char* heddle_isa(void) { return heddle::NAMES[static_cast<int>(heddle::isa())]; }

extern "C" int heddle_set_isa(const char* name) {
  using namespace heddle;
  const int most = static_cast<int>(best());
  for (int i = 0; i <= most; ++i)
    if (std::strcmp(name, NAMES[i]) == 0) {
      chosen.store(static_cast<Isa>(i));
      return HEDDLE_OK;
    }
  return fail(HEDDLE_INVALID, "set_isa: found '%s', expected one that this processor has, up to %s; choose another", name,
              NAMES[most]);
}
