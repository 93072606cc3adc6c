// Outer products in stretches: groups of many rows are cut, so that groups of any sizes keep a device busy. A group of one
// stretch is done by it; of several, each one's product is kept, and they are summed afterwards.
#pragma once
#include "problem.hpp"

namespace heddle::cuda {

struct Cuts {
  int64_t *offsets, *firsts, *slots;  // [groups + 1]: a group's first row, first stretch, first product that is kept
  char* kept;                         // [kept products, k, m]
  int64_t rows;                       // of a stretch, at most
};

HEDDLE_HD int64_t stretches_of(int64_t size, int64_t rows) { return (size + rows - 1) / rows; }
HEDDLE_HD int64_t kept_of(int64_t size, int64_t rows) { return size > rows ? stretches_of(size, rows) : 0; }

// At most so many stretches have n rows in `groups` groups, and so many of their products are kept.
HEDDLE_HD int64_t most_stretches(int64_t n, int64_t groups, int64_t rows) { return groups + n / rows; }
HEDDLE_HD int64_t most_kept(int64_t n, int64_t rows) { return 2 * n / rows; }

// Stretch p of all, nothing to do past the last.
HEDDLE_HD Problem stretch_problem(const Segments& of, const Cuts& cuts, int64_t groups, int64_t p) {
  if (p >= cuts.firsts[groups]) return Problem{};
  const int64_t g = run_of(cuts.firsts, groups, p);
  const int64_t position = p - cuts.firsts[g], matrix = of.k * of.m * of.element;
  const int64_t begin = cuts.offsets[g] + position * cuts.rows, left = cuts.offsets[g + 1] - begin;
  const bool alone = cuts.firsts[g + 1] - cuts.firsts[g] == 1;
  return pair_problem(of.lhs + begin * of.k * of.element, of.rhs + begin * of.m * of.element, nullptr,
                      alone ? of.out + g * matrix : cuts.kept + (cuts.slots[g] + position) * matrix,
                      left < cuts.rows ? left : cuts.rows, of.k, of.m, HEDDLE_OUTER);
}

}  // namespace heddle::cuda
