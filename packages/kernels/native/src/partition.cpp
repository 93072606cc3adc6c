// Parts of a graph by restreaming: each node in turn goes to the part that most of its edges lead to, less a price that
// grows with the part's load; then all are taken up and dealt again, at a higher price, until the last pass.
// Source: Nishimura and Ugander, Restreaming Graph Partitioning (2013), with the price of FENNEL (2014), gamma 1.5.
#include <cmath>
#include <vector>

#include "csr.hpp"

namespace heddle {
namespace {

constexpr int PASSES = 12;
constexpr double DEARER = 1.15;  // price of a pass over that of the one before

struct Stream {
  Walk walk;
  const int64_t* load;
  int32_t* owner;
  int64_t parts;
  int64_t limit;

  template <class I> void run() {
    std::vector<int64_t> edges(static_cast<size_t>(parts)), weight(static_cast<size_t>(parts));
    std::vector<double> root(static_cast<size_t>(parts));
    std::vector<int32_t> seen;
    double total = 1;
    for (int64_t v = 0; v < walk.rows; ++v) total += static_cast<double>(load[v]), owner[v] = -1;
    double price = 0.75 * std::sqrt(static_cast<double>(parts)) * static_cast<double>(walk.edges) / std::pow(total, 1.5);
    const I* const ends = static_cast<const I*>(walk.ids);
    for (int pass = 0; pass < PASSES; ++pass, price *= DEARER)
      for (int64_t v = 0; v < walk.rows; ++v) {
        if (owner[v] >= 0) move(weight, root, owner[v], -load[v]);
        seen.clear();
        for (int64_t j = walk.start(v), end = walk.start(v + 1); j < end; ++j) {
          const int32_t part = owner[ends[j]];
          if (part < 0 || ends[j] == v) continue;
          if (edges[part]++ == 0) seen.push_back(part);
        }
        int32_t best = -1;
        double most = -HUGE_VAL;
        for (int32_t part = 0; part < parts; ++part) {
          if (weight[part] + load[v] > limit) continue;
          const double score = static_cast<double>(edges[part]) - price * static_cast<double>(load[v]) * root[part];
          if (score > most || (score == most && weight[part] < weight[best])) most = score, best = part;
        }
        if (best < 0)  // room nowhere: the lightest
          for (int32_t part = 0; part < parts; ++part)
            if (best < 0 || weight[part] < weight[best]) best = part;
        for (int32_t part : seen) edges[part] = 0;
        owner[v] = best;
        move(weight, root, best, load[v]);
      }
  }

  static void move(std::vector<int64_t>& weight, std::vector<double>& root, int32_t part, int64_t by) {
    weight[part] += by;
    root[part] = std::sqrt(static_cast<double>(weight[part]));
  }
};

}  // namespace
}  // namespace heddle

extern "C" int heddle_partition(const void* indptr, const void* ends, const void* load, void* owner, int64_t nodes,
                                int64_t edges, int64_t parts, int64_t limit, int64_t index) {
  using namespace heddle;
  return guarded("partition", [&] {
    if (int status = check_types("partition", HEDDLE_FLOAT32, index)) return status;
    if (parts < 1 || parts >= INT32_MAX)
      return fail(HEDDLE_INVALID, "partition: found %lld parts, expected at least 1; raise it", static_cast<long long>(parts));
    const Walk walk{indptr, ends, nullptr, nodes, edges, nodes, index};
    if (int status = check_walk("partition", walk)) return status;
    if (int status = check_ids("partition", {load}, HEDDLE_INT64)) return status;
    if (int64_t at = first_bad(ends, edges, nodes, index, 1); at >= 0)
      return out_of_range("partition", "ends", ends, at, nodes, index);
    Stream stream{walk, static_cast<const int64_t*>(load), static_cast<int32_t*>(owner), parts, limit};
    with_index(index, [&](auto tag) { stream.run<untag<decltype(tag)>>(); });
    return static_cast<int>(HEDDLE_OK);
  });
}
