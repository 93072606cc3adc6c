// Which instruction set to use. Files of simd/ are compiled once for each; HEDDLE_PICK chooses among them at run time,
// so that one library runs on any processor of its architecture.
#pragma once

namespace heddle {

enum class Isa { base, avx2, avx512 };
Isa isa();

}  // namespace heddle

#if defined(HEDDLE_X86)
#define HEDDLE_PICK(function)                                        \
  (::heddle::isa() == ::heddle::Isa::avx512 ? ::heddle::avx512::function \
   : ::heddle::isa() == ::heddle::Isa::avx2 ? ::heddle::avx2::function   \
                                            : ::heddle::base::function)
#else
#define HEDDLE_PICK(function) ::heddle::base::function
#endif
