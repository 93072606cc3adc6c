// A live graph: a base that never changes, and entries appended to it, each linked to the one before it of the same list.
// One thread writes; any number read without a lock. A reader sees the entries that were published when it looked.
#pragma once
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include "../sample/graph.hpp"

namespace heddle {

// Memory of zeros that the system gives page by page as it is written to.
template <class T>
class Zeroed {
 public:
  explicit Zeroed(int64_t n) : at_(static_cast<T*>(std::calloc(n > 0 ? n : 1, sizeof(T)))) {
    if (!at_) throw std::bad_alloc();
  }
  T* get() const { return at_.get(); }
  T& operator[](int64_t i) const { return at_.get()[i]; }

 private:
  struct Free {
    void operator()(T* p) const { std::free(p); }
  };
  std::unique_ptr<T[], Free> at_;
};

// An edge into a receiver (list: its relation), or a change of a node (list: relations + its type).
struct Entry {
  int64_t other;  // the sender, or the change's number
  int64_t time;   // INT64_MIN where the relation has no times
  int64_t row;
  uint32_t before;  // 1 + the entry before it of the same list and node, 0 for none
  uint32_t list;
};

using Head = std::atomic<uint32_t>;  // 1 + the newest entry

}  // namespace heddle

struct heddle_live {
  std::unique_ptr<heddle_sample_graph> base;
  std::vector<int64_t> room;  // nodes of each type, the base's included
  int64_t capacity;           // entries
  heddle::Zeroed<heddle::Entry> entries;
  std::vector<heddle::Zeroed<heddle::Head>> heads;  // by list, then by receiver or node
  std::vector<heddle::Zeroed<int64_t>> node_time;   // by type, of nodes after the base's
  std::vector<heddle::Zeroed<uint64_t>> node_hash;  // the same: what draws know them by
  std::vector<std::atomic<int64_t>> n_node;
  std::vector<std::atomic<bool>> has_changes;  // by type
  std::atomic<int64_t> published{0};

  heddle_live(std::unique_ptr<heddle_sample_graph> graph, const int64_t* rooms, int64_t most)
      : base(std::move(graph)), room(rooms, rooms + base->n_node.size()), capacity(most), entries(most),
        n_node(base->n_node.size()), has_changes(base->n_node.size()) {
    // one more of each than there is room for: a question may be about a node that isn't there, the next one
    for (const auto& relation : base->relations) heads.emplace_back(room[relation.target] + 1);
    for (size_t t = 0; t < room.size(); ++t) {
      heads.emplace_back(room[t] + 1);
      node_time.emplace_back(room[t] - base->n_node[t] + 1);
      node_hash.emplace_back(room[t] - base->n_node[t] + 1);
      n_node[t].store(base->n_node[t]);
    }
  }
  int64_t lists() const { return static_cast<int64_t>(heads.size()); }
  // The nodes that a list's entries belong to.
  int64_t owner(int64_t list) const {
    const int64_t relations = static_cast<int64_t>(base->relations.size());
    return list < relations ? base->relations[list].target : list - relations;
  }
  // The number of the latest change of a node by `time` (of equal times, of that which arrived last), -1 for none.
  int64_t latest(int64_t type, int64_t upto, int64_t node, const int64_t* time) const {
    int64_t best = -1, since = INT64_MIN;
    if (!has_changes[type].load(std::memory_order_relaxed)) return best;
    const heddle::Head& head = heads[base->relations.size() + type][node];
    for (uint32_t e = head.load(std::memory_order_acquire); e; e = entries[e - 1].before) {
      const heddle::Entry& entry = entries[e - 1];
      if (e > upto || (time && entry.time > *time) || (best >= 0 && entry.time <= since)) continue;
      best = entry.other, since = entry.time;
    }
    return best;
  }
  // When an entry of a relation became eligible.
  int64_t eligible_from(const heddle::Relation& edges, const heddle::Entry& entry) const {
    if (!edges.sender_time) return entry.time;
    const int64_t held = base->n_node[edges.source];
    const int64_t sender = entry.other < held ? edges.sender_time[entry.other] : node_time[edges.source][entry.other - held];
    return sender > entry.time ? sender : entry.time;
  }
};
