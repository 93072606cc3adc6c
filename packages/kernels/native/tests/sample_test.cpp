// The sampler under sanitizers: many threads on one graph, every way of sampling, bad input, and a fork.
// Prints nothing and returns 0 if all is well.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>
#include <vector>

#include "heddle_sampling.h"

#define CHECK(condition)                                                                                         \
  do {                                                                                                           \
    if (!(condition)) {                                                                                          \
      std::fprintf(stderr, "%s:%d: %s (last error: %s)\n", __FILE__, __LINE__, #condition, heddle_last_error()); \
      std::_Exit(1);                                                                                             \
    }                                                                                                            \
  } while (0)

namespace {

using Ids = std::vector<int64_t>;

// A relation of random edges with weights and times; every other receiver has none, and receiver 1 has many.
struct Relation {
  Ids indptr{0}, senders, time;
  std::vector<double> weight;

  Relation(int64_t n_senders, int64_t n_receivers, unsigned seed) {
    std::mt19937 random(seed);
    for (int64_t row = 0; row < n_receivers; ++row) {
      const int64_t degree = row == 1 ? 5000 : row % 2 ? random() % 40 : 0;
      for (int64_t i = 0; i < degree; ++i) {
        senders.push_back(random() % n_senders);
        time.push_back(random() % 10);
        weight.push_back(random() % 4);
      }
      indptr.push_back(static_cast<int64_t>(senders.size()));
    }
  }
  heddle_in_edges as(int32_t source, int32_t target, bool weighted, bool timed) const {
    return {indptr.data(),
            senders.data(),
            weighted ? weight.data() : nullptr,
            timed ? time.data() : nullptr,
            static_cast<int64_t>(senders.size()),
            source,
            target,
            HEDDLE_INT64,
            HEDDLE_FLOAT64};
  }
};

constexpr int64_t N_A = 3000, N_B = 2000;
const uint64_t* const NO_HASHES[] = {nullptr, nullptr};
const int32_t LEAVES[] = {1, 0};
const Relation AA(N_A, N_A, 1), AB(N_A, N_B, 2), BA(N_B, N_A, 3);

heddle_sample_graph* graph_of(bool weighted, bool timed) {
  const int64_t n_node[] = {N_A, N_B};
  const int64_t* const node_time[] = {nullptr, nullptr};
  const heddle_in_edges relations[] = {AA.as(0, 0, weighted, timed), AB.as(0, 1, false, timed),
                                       BA.as(1, 0, weighted, false)};
  heddle_sample_graph* graph = nullptr;
  CHECK(heddle_sample_graph_new(n_node, node_time, NO_HASHES, 2, relations, 3, 4, &graph) == HEDDLE_OK);
  return graph;
}

// Everything a sample holds, one number after the other.
Ids content(const heddle_sample* sample, int64_t hops, int64_t edge_hops, bool trees) {
  Ids nodes_per_hop(2 * (hops + 1)), edges_per_hop(3 * edge_hops);
  CHECK(heddle_sample_sizes(sample, nodes_per_hop.data(), edges_per_hop.data()) == HEDDLE_OK);
  int64_t n = 0, m = 0;
  for (int64_t count : nodes_per_hop) n += count;
  for (int64_t count : edges_per_hop) m += count;
  Ids all(2 * n + 3 * m, -1);
  int64_t* const data = all.data();
  CHECK(heddle_sample_read(sample, data, trees ? data + n : nullptr, data + 2 * n, data + 2 * n + m,
                           data + 2 * n + 2 * m, HEDDLE_INT64, 4) == HEDDLE_OK);
  all.insert(all.end(), nodes_per_hop.begin(), nodes_per_hop.end());
  all.insert(all.end(), edges_per_hop.begin(), edges_per_hop.end());
  return all;
}

struct Way {
  bool weighted = false, timed = false, replace = false, trees = false, induced = false, newest = false, layered = false,
       leaves = false;
};
const Way WAYS[] = {{},
                    {true},
                    {false, true, false, true},
                    {true, true, true, true},
                    {false, true, false, true, false, true},
                    {false, false, true},
                    {true, false, false, false, true},
                    {false, true, false, true, true},
                    {false, false, false, false, false, false, true},
                    {true, true, true, true, false, false, true},
                    {true, false, false, false, false, false, false, true},
                    {false, true, false, true, false, false, true, true}};

Ids draw(const heddle_sample_graph* graph, heddle_sample* sample, const Way& way, int32_t threads, uint64_t key) {
  Ids seeds, n_seeds{1500, 500}, first_tree{0, 1500}, seed_time(2000, 6), sizes{5, 3, 4, 4, 6, -1};
  const std::vector<uint64_t> roots(2000, 7);
  for (int64_t i = 0; i < 2000; ++i) seeds.push_back((i * 7919) % (i < 1500 ? N_A : N_B));
  const heddle_sample_request request{seeds.data(),
                                      n_seeds.data(),
                                      first_tree.data(),
                                      way.timed ? seed_time.data() : nullptr,
                                      way.timed ? roots.data() : nullptr,
                                      sizes.data(),
                                      way.leaves && !way.induced ? LEAVES : nullptr,
                                      2,
                                      -1,
                                      way.newest ? 3 : 0,
                                      key,
                                      way.replace,
                                      way.trees,
                                      way.induced,
                                      way.newest,
                                      way.layered,
                                      threads};
  CHECK(heddle_neighbor_sample(graph, sample, &request) == HEDDLE_OK);
  return content(sample, 2, way.induced ? 1 : 2, way.trees);
}

Ids draw_by_budget(const heddle_sample_graph* graph, heddle_sample* sample, int32_t threads) {
  const Ids seeds{1, 3, 5, 1, 7}, n_seeds{3, 2}, first_tree{0, 3}, sizes{50, 20, 30, 40};
  const heddle_sample_request request{
      seeds.data(), n_seeds.data(), first_tree.data(), nullptr, nullptr, sizes.data(), nullptr, 2, 50, 0, 9, 0, 0, 1, 0, 0, threads};
  CHECK(heddle_budget_sample(graph, sample, &request) == HEDDLE_OK);
  return content(sample, 2, 1, false);
}

Ids walk(int32_t threads) {
  const int64_t n_node[] = {N_A};
  const int64_t* const node_time[] = {nullptr};
  const heddle_in_edges relation = AA.as(0, 0, false, false);
  heddle_sample_graph* graph = nullptr;
  CHECK(heddle_sample_graph_new(n_node, node_time, NO_HASHES, 1, &relation, 1, threads, &graph) == HEDDLE_OK);
  Ids start, out(1000 * 11);
  for (int64_t i = 0; i < 1000; ++i) start.push_back(i);
  CHECK(heddle_random_walk(graph, start.data(), out.data(), 1000, 10, 0.5, 2.0, 3, HEDDLE_INT64, threads) == HEDDLE_OK);
  heddle_sample_graph_free(graph);
  return out;
}

void every_way_on_every_thread() {
  for (const Way& way : WAYS) {
    heddle_sample_graph* const graph = graph_of(way.weighted, way.timed);
    heddle_sample* sample = nullptr;
    CHECK(heddle_sample_new(graph, &sample) == HEDDLE_OK);
    const Ids alone = draw(graph, sample, way, 1, 5), other = draw(graph, sample, way, 1, 6);
    CHECK(alone != other || way.newest);  // the newest are no matter of chance
    for (int32_t threads : {2, 4}) CHECK(draw(graph, sample, way, threads, 5) == alone);
    CHECK(draw_by_budget(graph, sample, 4) == draw_by_budget(graph, sample, 1));
    std::vector<std::thread> callers;  // each with a sample of its own
    for (int k = 0; k < 4; ++k)
      callers.emplace_back([&] {
        heddle_sample* workspace = nullptr;
        CHECK(heddle_sample_new(graph, &workspace) == HEDDLE_OK);
        for (int i = 0; i < 3; ++i) CHECK(draw(graph, workspace, way, 3, 5) == alone);
        heddle_sample_free(workspace);
      });
    for (std::thread& caller : callers) caller.join();
    heddle_sample_free(sample);
    heddle_sample_graph_free(graph);
  }
  CHECK(walk(4) == walk(1));
}

void bad_input() {
  const int64_t n_node[] = {2};
  const int64_t* const node_time[] = {nullptr};
  const Ids rising{0, 1, 2}, falling{0, 2, 1}, good{0, 1}, far{0, 2}, negative{-1, 0};
  const auto build = [&](const Ids& indptr, const Ids& senders) {
    const heddle_in_edges edges{indptr.data(), senders.data(), nullptr, nullptr, 2, 0, 0, HEDDLE_INT64, HEDDLE_FLOAT64};
    heddle_sample_graph* graph = nullptr;
    const int status = heddle_sample_graph_new(n_node, node_time, NO_HASHES, 1, &edges, 1, 2, &graph);
    heddle_sample_graph_free(graph);
    return status;
  };
  CHECK(build(rising, good) == HEDDLE_OK);
  CHECK(build(falling, good) == HEDDLE_RANGE);
  CHECK(build(rising, far) == HEDDLE_RANGE);
  CHECK(build(rising, negative) == HEDDLE_RANGE);
  heddle_sample_graph* const graph = graph_of(false, false);
  heddle_sample* sample = nullptr;
  CHECK(heddle_sample_new(graph, &sample) == HEDDLE_OK);
  const Ids seeds{N_A}, n_seeds{1, 0}, first_tree{0, 0}, sizes{1, 1, 1};
  const heddle_sample_request request{
      seeds.data(), n_seeds.data(), first_tree.data(), nullptr, nullptr, sizes.data(), nullptr, 1, -1, 0, 1, 0, 0, 0, 0, 0, 2};
  CHECK(heddle_neighbor_sample(graph, sample, &request) == HEDDLE_RANGE);
  heddle_sample_free(sample);
  heddle_sample_graph_free(graph);
}

void a_forked_child_draws_the_same() {
  heddle_sample_graph* const graph = graph_of(true, false);
  heddle_sample* sample = nullptr;
  CHECK(heddle_sample_new(graph, &sample) == HEDDLE_OK);
  const Way way{true};
  const Ids mine = draw(graph, sample, way, 4, 5);
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);  // a hang ends in a signal
    std::_Exit(draw(graph, sample, way, 0, 5) == mine ? 0 : 2);
  }
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  heddle_sample_free(sample);
  heddle_sample_graph_free(graph);
}

}  // namespace

int main() {
  every_way_on_every_thread();
  bad_input();
  a_forked_child_draws_the_same();
  return 0;
}
