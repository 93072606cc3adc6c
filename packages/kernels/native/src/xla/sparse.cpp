// XLA handlers of the ops on a walk.
#include "arguments.hpp"

using namespace heddle;

HEDDLE_XLA_HANDLER(heddle_xla_spmm) {
  return answer(frame, [](const Call& call) { return call_with(heddle_spmm, spmm_arguments(call), int64_t{0}); });
}

HEDDLE_XLA_HANDLER(heddle_xla_sddmm) {
  return answer(frame, [](const Call& call) { return call_with(heddle_sddmm, sddmm_arguments(call), int64_t{0}); });
}

HEDDLE_XLA_HANDLER(heddle_xla_spmm_top) {
  return answer(frame, [](const Call& call) { return call_with(heddle_spmm_top, spmm_top_arguments(call), int64_t{0}); });
}

HEDDLE_XLA_HANDLER(heddle_xla_sddmm_top) {
  return answer(frame, [](const Call& call) { return call_with(heddle_sddmm_top, sddmm_top_arguments(call), int64_t{0}); });
}
