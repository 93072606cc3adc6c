// Positions: from a node (of a tree) to its position in a sample.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include "stream.hpp"

namespace heddle {

constexpr int64_t MAX_POSITIONS = INT64_C(1) << 31;  // nodes of one type in a sample

// One slot for each node of the graph. A slot holds `base` and the position; those of samples before lie below `base`,
// so that nothing is cleared between samples.
class DirectPositions {
 public:
  explicit DirectPositions(int64_t n)
      : slots_(static_cast<uint32_t*>(std::calloc(n > 0 ? n : 1, sizeof(uint32_t)))), n_(n) {
    if (!slots_) throw std::bad_alloc();
  }

  // Forget all nodes.
  void clear() {
    base_ += used_;
    used_ = 0;
    if (base_ < MAX_POSITIONS) return;
    for (int64_t i = 0; i < n_; ++i) slots_[i] = 0;
    base_ = 1;
  }
  void prefetch(int64_t node, uint32_t) const { __builtin_prefetch(&slots_[node], 1); }
  // The node's position, or `next` if it had none; it has now.
  uint32_t enter(int64_t node, uint32_t, uint32_t next) {
    uint32_t& slot = slots_[node];
    if (slot >= base_) return slot - base_;
    slot = base_ + next;
    used_ = next + 1;
    return next;
  }
  // enter() for many nodes: writes their positions to `out` and new nodes to `nodes`; returns the next position.
  uint32_t enter_all(const int64_t* ids, int64_t n, int64_t* nodes, uint32_t next, uint32_t* out) {
    constexpr int64_t AHEAD = 16;
    uint32_t* const slots = slots_.get();
    const uint32_t base = base_;
    const auto one = [&](int64_t i) {
      const uint32_t result = slots[ids[i]] - base;  // of an old slot, more than any position
      const bool is_new = result >= MAX_POSITIONS;
      const uint32_t position = is_new ? next : result;
      slots[ids[i]] = base + position;
      nodes[next] = ids[i];
      out[i] = position;
      next += is_new;
    };
    int64_t i = 0;
    for (; i < n - AHEAD; ++i) {
      __builtin_prefetch(&slots[ids[i + AHEAD]], 1);
      one(i);
    }
    for (; i < n; ++i) one(i);
    used_ = next;
    return next;
  }
  // The node's position, or -1.
  int64_t find(int64_t node, uint32_t) const {
    const uint32_t slot = slots_[node];
    return slot >= base_ ? static_cast<int64_t>(slot - base_) : -1;
  }
  void reserve(int64_t) {}

 private:
  struct Free {
    void operator()(uint32_t* p) const { std::free(p); }
  };
  std::unique_ptr<uint32_t[], Free> slots_;
  int64_t n_;
  uint32_t base_ = 1, used_ = 0;
};

// A hash table with linear probing, for trees and for types with more nodes than slots are worth.
class HashPositions {
 public:
  HashPositions() : slots_(LEAST) {}

  // Forget all nodes, and memory that the last sample had no use for.
  void clear() {
    if (slots_.size() > LEAST && slots_.size() > 16 * count_) {
      std::vector<Slot>(LEAST).swap(slots_);
    } else if (count_) {
      std::fill(slots_.begin(), slots_.end(), Slot{});
    }
    count_ = 0;
  }
  void prefetch(int64_t node, uint32_t tree) const { __builtin_prefetch(&slots_[home(node, tree)], 1); }
  uint32_t enter(int64_t node, uint32_t tree, uint32_t next) {
    if (2 * (count_ + 1) > slots_.size()) grow(2 * slots_.size());
    Slot& slot = slots_[probe(node, tree)];
    if (slot.position == NONE) {
      slot = {node, tree, next};
      ++count_;
    }
    return slot.position;
  }
  int64_t find(int64_t node, uint32_t tree) const {
    const uint32_t position = slots_[probe(node, tree)].position;
    return position == NONE ? -1 : static_cast<int64_t>(position);
  }
  // Make room for `more` nodes.
  void reserve(int64_t more) {
    size_t size = slots_.size();
    while (size < 2 * (count_ + static_cast<size_t>(more))) size *= 2;
    if (size > slots_.size()) grow(size);
  }

 private:
  static constexpr uint32_t NONE = UINT32_MAX;
  static constexpr size_t LEAST = 1 << 10;
  struct Slot {
    int64_t node = 0;
    uint32_t tree = 0, position = NONE;
  };

  size_t home(int64_t node, uint32_t tree) const {
    return mix(static_cast<uint64_t>(node) + GAMMA * tree) & (slots_.size() - 1);
  }
  size_t probe(int64_t node, uint32_t tree) const {
    size_t at = home(node, tree);
    while (slots_[at].position != NONE && (slots_[at].node != node || slots_[at].tree != tree))
      at = (at + 1) & (slots_.size() - 1);
    return at;
  }
  void grow(size_t size) {
    std::vector<Slot> old(size);
    old.swap(slots_);
    for (const Slot& slot : old)
      if (slot.position != NONE) slots_[probe(slot.node, slot.tree)] = slot;
  }

  std::vector<Slot> slots_;
  size_t count_ = 0;
};

}  // namespace heddle
