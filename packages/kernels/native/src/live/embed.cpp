// What a model that averages over relations gives of nodes of a live graph: their sample, and its layers on it. Features of
// the last hop's nodes are summed where they lie. Each row goes its own way, so its bits are those that it has alone.
#include <algorithm>

#include "../sample/sample.hpp"
#include "../scratch.hpp"
#include "../status.hpp"
#include "../threads/pool.hpp"
#include "columns.hpp"
#include "live.hpp"

namespace heddle {
namespace {

constexpr int64_t EDGES_AHEAD = 16;  // from prefetch to use
constexpr int64_t LEAST_SEEDS = 4;   // that a thread is worth

// Rows of one width.
struct Matrix {
  std::vector<float> values;
  int64_t width = 0;

  void reset(int64_t rows, int64_t columns) {
    width = columns;
    values.assign(static_cast<size_t>(rows * columns), 0.0f);
  }
  float* row(int64_t i) { return values.data() + i * width; }
};

class Embedding {
 public:
  Embedding(const heddle_live& live, const heddle_sample& sample, const heddle_plan& plan, const int64_t* n_node,
            const int64_t* seed_time)
      : live_(live), sample_(sample), plan_(plan), n_node_(n_node), seed_time_(seed_time),
        types_(static_cast<int64_t>(live.base->n_node.size())),
        relations_(static_cast<int64_t>(live.base->relations.size())), before_(types_), after_(types_) {
    for (int64_t i = 0; i < types_ + relations_; ++i) columns_.emplace_back(plan.columns[i]);
  }

  // Write what the last layer gives of the seeds of each type to out [types].
  int run(float* const* out) {
    for (int64_t i = 0; i < plan_.layers; ++i) {
      for (int64_t t = 0; t < types_; ++t)
        if (int status = start(i, t)) return status;
      for (int64_t r = 0; r < relations_; ++r)
        if (int status = receive(i, r)) return status;
      if (i + 1 < plan_.layers)
        for (Matrix& of : after_)
          for (float& value : of.values) value = value > 0 ? value : 0;
      std::swap(before_, after_);
    }
    for (int64_t t = 0; t < types_; ++t) std::copy(before_[t].values.begin(), before_[t].values.end(), out[t]);
    return HEDDLE_OK;
  }

 private:
  int64_t hop(int64_t layer) const { return plan_.layers - 1 - layer; }
  int64_t receivers(int64_t layer, int64_t type) const { return sample_.nodes[type].ends[hop(layer)]; }

  // The features of a node, as they were known at its tree's time.
  Values node(int64_t type, int64_t at) const {
    const int64_t id = sample_.nodes[type].ids[at];
    if (id >= n_node_[type]) return {nullptr, nullptr};
    const int64_t* const time = seed_time_ ? seed_time_ + sample_.nodes[type].tree(at) : nullptr;
    const int64_t change = live_.latest(type, sample_.upto, id, time);
    return change < 0 ? columns_[type].at(id) : columns_[type].changed(change);
  }

  Values edge(int64_t relation, int64_t position) const {
    const Relation& edges = live_.base->relations[relation];
    if (position >= edges.edges) return columns_[types_ + relation].at(live_.entries[position - edges.edges].row);
    const void* const rows = plan_.columns[types_ + relation]->rows;
    if (!rows) return columns_[types_ + relation].at(position);
    return columns_[types_ + relation].at(edges.index == HEDDLE_INT64 ? static_cast<const int64_t*>(rows)[position]
                                                                      : static_cast<const int32_t*>(rows)[position]);
  }

  // out = a b (+ bias) of `rows` rows.
  int multiply(const float* a, int64_t rows, int64_t k, const float* b, const float* bias, Matrix& out) {
    const Product product{a, b, bias, out.values.data(), rows, k, out.width, false};
    void* const memory = scratch(HEDDLE_PICK(matmul_scratch)(product, rows, HEDDLE_FLOAT32) * 4);
    if (!memory) return fail(HEDDLE_MEMORY, "live_embed: found no memory for its workspace, expected some; ask fewer at a time");
    HEDDLE_PICK(matmul_rows)(product, 0, rows, HEDDLE_FLOAT32, memory);
    return HEDDLE_OK;
  }

  // Begin a type's rows with what they bring themselves.
  int start(int64_t layer, int64_t type) {
    const int64_t n = receivers(layer, type), at = layer * types_ + type;
    const float *const root = plan_.roots[at], *const bias = plan_.biases[at];
    Matrix& out = after_[type];
    out.reset(n, plan_.widths[layer]);
    if (!n) return HEDDLE_OK;
    const bool by_id = layer == 0 && plan_.ids[type];
    if (root && !by_id) {
      if (layer) return multiply(before_[type].values.data(), n, before_[type].width, root, bias, out);
      means_.reset(n, columns_[type].width());
      for (int64_t i = 0; i < n; ++i) columns_[type].add(node(type, i), means_.row(i));
      return multiply(means_.values.data(), n, means_.width, root, bias, out);
    }
    for (int64_t i = 0; i < n; ++i) {
      if (bias) HEDDLE_PICK(add_row)(bias, out.width, out.row(i));
      const int64_t id = sample_.nodes[type].ids[i];
      if (root && id < plan_.ids[type]) HEDDLE_PICK(add_row)(root + id * out.width, out.width, out.row(i));
    }
    return HEDDLE_OK;
  }

  // Add what receivers get along a relation: first of their senders, then of the edges themselves.
  int receive(int64_t layer, int64_t relation) {
    const Relation& of = live_.base->relations[relation];
    const float *const weight = plan_.weights[layer * relations_ + relation],
                *const edge_weight = plan_.edge_weights[layer * relations_ + relation];
    const Edges& edges = sample_.edges[relation];
    const int64_t n = receivers(layer, of.target), first = edges.firsts[hop(layer)];
    const int64_t* const indptr = edges.indptr.data() + first;
    filled_.clear();
    for (int64_t i = 0; i < n; ++i)
      if (indptr[i] < indptr[i + 1]) filled_.push_back(i);
    if (filled_.empty()) return HEDDLE_OK;
    const Columns &nodes = columns_[of.source], &columns = columns_[types_ + relation];
    const uint32_t* const positions = edges.positions.data();
    if (weight && layer == 0 && plan_.ids[of.source]) {
      const int64_t width = after_[of.target].width, rows = plan_.ids[of.source];
      const auto table = [&](int64_t e) {
        const int64_t id = sample_.nodes[of.source].ids[positions[e]];
        return id < rows ? weight + id * width : nullptr;
      };
      average(indptr, width, table, [](const float*) {},
              [&](const float* row, float* sum) { if (row) HEDDLE_PICK(add_row)(row, width, sum); });
      put(of.target, means_);
    } else if (weight && layer == 0) {
      average(indptr, nodes.width(), [&](int64_t e) { return node(of.source, positions[e]); },
              [&](const Values& values) { nodes.prefetch(values); },
              [&](const Values& values, float* sum) { nodes.add(values, sum); });
      if (int status = multiplied(of.target, weight)) return status;
    } else if (weight) {
      Matrix& h = before_[of.source];
      average(indptr, h.width, [&](int64_t e) { return h.row(positions[e]); }, [](const float*) {},
              [&](const float* row, float* sum) { HEDDLE_PICK(add_row)(row, h.width, sum); });
      if (int status = multiplied(of.target, weight)) return status;
    }
    if (!edge_weight) return HEDDLE_OK;
    average(indptr, columns.width(), [&](int64_t e) { return edge(relation, edges.edges[e]); },
            [&](const Values& values) { columns.prefetch(values); },
            [&](const Values& values, float* sum) { columns.add(values, sum); });
    return multiplied(of.target, edge_weight);
  }

  // Means of what `find` finds of the edges of each receiver that has some.
  template <class F, class P, class A>
  void average(const int64_t* indptr, int64_t width, F&& find, P&& prefetch, A&& add) {
    means_.reset(static_cast<int64_t>(filled_.size()), width);
    const int64_t last = indptr[filled_.back() + 1];
    for (int64_t e = indptr[filled_.front()], to = std::min(last, e + EDGES_AHEAD); e < to; ++e) prefetch(find(e));
    for (size_t i = 0; i < filled_.size(); ++i) {
      const int64_t begin = indptr[filled_[i]], end = indptr[filled_[i] + 1];
      float* const sum = means_.row(static_cast<int64_t>(i));
      for (int64_t e = begin; e < end; ++e) {
        if (e + EDGES_AHEAD < last) prefetch(find(e + EDGES_AHEAD));
        add(find(e), sum);
      }
      HEDDLE_PICK(scale_row)(sum, width, 1.0f / static_cast<float>(end - begin));
    }
  }

  int multiplied(int64_t type, const float* weight) {
    products_.reset(static_cast<int64_t>(filled_.size()), after_[type].width);
    if (int status = multiply(means_.values.data(), static_cast<int64_t>(filled_.size()), means_.width, weight, nullptr, products_))
      return status;
    put(type, products_);
    return HEDDLE_OK;
  }

  void put(int64_t type, Matrix& rows) {
    for (size_t i = 0; i < filled_.size(); ++i)
      HEDDLE_PICK(add_row)(rows.row(static_cast<int64_t>(i)), rows.width, after_[type].row(filled_[i]));
  }

  const heddle_live& live_;
  const heddle_sample& sample_;
  const heddle_plan& plan_;
  const int64_t* const n_node_;
  const int64_t* const seed_time_;
  const int64_t types_, relations_;
  std::vector<Columns> columns_;
  std::vector<Matrix> before_, after_;
  Matrix means_, products_;
  std::vector<int64_t> filled_;
};

// Draw the layered sample of the seeds.
int sampled(const heddle_live& live, heddle_sample& sample, const heddle_plan& plan, int64_t upto, const int64_t* n_node,
            const int64_t* n_seeds, const int64_t* seeds, const int64_t* seed_time) {
  const size_t types = live.base->n_node.size();
  sample.graph = live.base.get();
  sample.live = &live;
  sample.upto = upto;
  std::vector<int64_t> first(types), bounds(types);
  int64_t all = 0;
  for (size_t t = 0; t < types; ++t) first[t] = all, all += n_seeds[t], bounds[t] = n_node[t] + 1;
  std::vector<uint64_t> roots;
  bool trees = false;
  for (int64_t i = 0; seed_time && i < all; ++i) {
    roots.push_back(branch(0, static_cast<uint64_t>(seed_time[i])));
    trees |= seed_time[i] != seed_time[0];
  }
  heddle_sample_request request{};
  request.seeds = seeds, request.n_seeds = n_seeds, request.first_tree = first.data();
  request.seed_time = seed_time, request.roots = seed_time ? roots.data() : nullptr;
  request.sizes = plan.sizes, request.hops = plan.layers, request.most = -1;
  request.window = plan.window, request.key = plan.key, request.first_hop = plan.first_hop;
  request.replace = plan.replace, request.newest = plan.newest;
  request.trees = trees, request.layered = 1, request.threads = 1;
  if (int status = check_request(sample, request, bounds.data())) return status;
  return draw_hops(sample, request);
}

// Draw a sample of seeds and write what the model gives of those of each type to out [types].
int embed(const heddle_live& live, heddle_sample& sample, const heddle_plan& plan, int64_t upto, const int64_t* n_node,
          const int64_t* n_seeds, const int64_t* seeds, const int64_t* seed_time, float* const* out) {
  if (int status = sampled(live, sample, plan, upto, n_node, n_seeds, seeds, seed_time)) return status;
  return Embedding(live, sample, plan, n_node, seed_time).run(out);
}

}  // namespace
}  // namespace heddle

using namespace heddle;

extern "C" int heddle_live_embed(const heddle_live* live, heddle_sample* sample, const struct heddle_plan* plan, int64_t upto,
                                 const int64_t* n_node, const int64_t* n_seeds, const int64_t* seeds, const int64_t* seed_time,
                                 int64_t threads, float* out) {
  return guarded("live_embed", [&] {
    const int64_t types = static_cast<int64_t>(live->base->n_node.size()), width = plan->widths[plan->layers - 1];
    std::vector<int64_t> first(types + 1);
    for (int64_t t = 0; t < types; ++t) first[t + 1] = first[t] + n_seeds[t];
    std::vector<float*> rows(types);
    const int64_t shares = std::min(resolve_threads(threads), first[types] / LEAST_SEEDS);
    sample->n_shares = shares > 1 ? shares : 0;
    if (shares <= 1) {
      for (int64_t t = 0; t < types; ++t) rows[t] = out + first[t] * width;
      return embed(*live, *sample, *plan, upto, n_node, n_seeds, seeds, seed_time, rows.data());
    }
    while (static_cast<int64_t>(sample->shares.size()) < shares) {
      heddle_sample* made;
      if (int status = heddle_sample_new(live->base.get(), &made)) return status;
      sample->shares.emplace_back(made);
    }
    std::vector<int> statuses(shares);
    const auto task = [&](int64_t share) {
      return guarded("live_embed", [&] {
        std::vector<int64_t> counts, ids, times;
        std::vector<float*> to;
        for (int64_t t = 0; t < types; ++t) {
          const int64_t begin = first[t] + n_seeds[t] * share / shares, end = first[t] + n_seeds[t] * (share + 1) / shares;
          counts.push_back(end - begin);
          ids.insert(ids.end(), seeds + begin, seeds + end);
          if (seed_time) times.insert(times.end(), seed_time + begin, seed_time + end);
          to.push_back(out + begin * width);
        }
        return embed(*live, *sample->shares[share], *plan, upto, n_node, counts.data(), ids.data(),
                     seed_time ? times.data() : nullptr, to.data());
      });
    };
    parallel_for(shares, threads, [&](int64_t share) { statuses[share] = task(share); });
    for (int64_t share = 0; share < shares; ++share)
      if (statuses[share])
        if (int status = task(share)) return status;  // once more, for what it says is this thread's to say
    return static_cast<int>(HEDDLE_OK);
  });
}

extern "C" int heddle_live_used(const heddle_live* live, const heddle_sample* sample, const struct heddle_plan* plan,
                                int64_t capacity, int64_t* rows, int64_t* counts) {
  return guarded("live_used", [&] {
    const size_t types = live->base->n_node.size();
    std::vector<int64_t> used;
    std::vector<const heddle_sample*> samples;
    for (int64_t i = 0; i < sample->n_shares; ++i) samples.push_back(sample->shares[i].get());
    if (samples.empty()) samples.push_back(sample);
    for (size_t r = 0; r < sample->edges.size(); ++r) {
      const Relation& edges = live->base->relations[r];
      const void* const row_of = plan->columns[types + r]->rows;
      used.clear();
      for (const heddle_sample* const of : samples)
        for (int64_t e : of->edges[r].edges) {
          int64_t row = e;
          if (e >= edges.edges)
            row = live->entries[e - edges.edges].row;
          else if (row_of)
            row = edges.index == HEDDLE_INT64 ? static_cast<const int64_t*>(row_of)[e] : static_cast<const int32_t*>(row_of)[e];
          used.push_back(row);
        }
      std::sort(used.begin(), used.end());
      used.erase(std::unique(used.begin(), used.end()), used.end());
      counts[r] = static_cast<int64_t>(used.size());
      for (int64_t row : used)
        if (capacity > 0) *rows++ = row, --capacity;
    }
    return static_cast<int>(HEDDLE_OK);
  });
}

extern "C" int heddle_live_last(const heddle_live* live, int64_t relation, int64_t upto, int64_t n, const int64_t* nodes,
                                const int64_t* time, int64_t* last) {
  const Relation& edges = live->base->relations[relation];
  const int64_t held = live->base->n_node[edges.target];
  return with_index(edges.index, [&](auto tag) {
    using I = untag<decltype(tag)>;
    const I* const indptr = static_cast<const I*>(edges.indptr);
    for (int64_t i = 0; i < n; ++i) {
      int64_t newest = INT64_MIN;
      if (nodes[i] < held && edges.time) {  // a receiver's edges come in the order of their times
        const int64_t *const begin = edges.time + indptr[nodes[i]], *const end = edges.time + indptr[nodes[i] + 1];
        const int64_t* const after = std::upper_bound(begin, end, time[i]);
        if (after != begin) newest = after[-1];
      }
      for (uint32_t e = live->heads[relation][nodes[i]].load(std::memory_order_acquire); e; e = live->entries[e - 1].before) {
        const int64_t edge_time = live->entries[e - 1].time;
        if (e <= upto && edge_time <= time[i] && edge_time > newest) newest = edge_time;
      }
      last[i] = newest;
    }
    return static_cast<int>(HEDDLE_OK);
  });
}
