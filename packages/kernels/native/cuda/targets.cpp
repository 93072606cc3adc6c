#include "heddle_cuda.h"

extern "C" const char* heddle_cuda_targets(void) { return HEDDLE_CUDA_TARGETS; }
