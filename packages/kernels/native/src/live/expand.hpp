// A hop along one relation of a live graph.
#pragma once
#include "../sample/eligible.hpp"

struct heddle_sample;
struct heddle_sample_request;

namespace heddle {

int expand_live(heddle_sample& sample, const heddle_sample_request& request, int64_t r, const Ask& ask, uint64_t key,
                int64_t from, bool leaves);

}  // namespace heddle
