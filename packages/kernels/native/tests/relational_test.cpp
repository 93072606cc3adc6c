// relational_conv and its gradient without Python, for the sanitizers: both ways, weights and compaction, several threads and
// callers, ids out of range. Values are checked against loops in double, gradients by <grad, y> = <gradient, parameter>.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <random>
#include <thread>
#include <vector>

#include "heddle_relational.h"

namespace {

std::mt19937 bits(1);

#define CHECK(condition)                                                                            \
  do {                                                                                              \
    if (!(condition)) {                                                                             \
      std::fprintf(stderr, "%s:%d: %s; %s\n", __FILE__, __LINE__, #condition, heddle_last_error()); \
      std::exit(1);                                                                                 \
    }                                                                                               \
  } while (0)

using Doubles = std::vector<double>;
using Ids = std::vector<int32_t>;

Doubles drawn(int64_t n) {
  std::normal_distribution<double> normal;
  Doubles values(static_cast<size_t>(n));
  for (double& value : values) value = normal(bits);
  return values;
}

Ids ids(int64_t n, int64_t bound) {
  Ids result(static_cast<size_t>(n));
  for (int32_t& id : result) id = static_cast<int32_t>(bits() % static_cast<uint32_t>(bound));
  return result;
}

// Edges sorted by row, and by column on the way back.
struct Edges {
  Ids indptr, columns, t_indptr, t_rows, t_order;
  Edges(const Ids& from, const Ids& to, int64_t n_columns, int64_t n_rows) {
    Ids rows;
    for (const int32_t e : sorted(to, n_rows, indptr)) {
      rows.push_back(to[static_cast<size_t>(e)]);
      columns.push_back(from[static_cast<size_t>(e)]);
    }
    t_order = sorted(columns, n_columns, t_indptr);
    for (const int32_t e : t_order) t_rows.push_back(rows[static_cast<size_t>(e)]);
  }

  // The edges by their key, in their order where it is one; where each key begins goes to indptr.
  static Ids sorted(const Ids& keys, int64_t n, Ids& indptr) {
    indptr.assign(static_cast<size_t>(n) + 1, 0);
    for (const int32_t key : keys) ++indptr[static_cast<size_t>(key) + 1];
    std::partial_sum(indptr.begin(), indptr.end(), indptr.begin());
    Ids order(keys.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](int32_t a, int32_t b) { return keys[static_cast<size_t>(a)] < keys[static_cast<size_t>(b)]; });
    return order;
  }
};

struct Problem {
  int64_t nodes, in_dim, out_dim, relations;
  Doubles x, root, bias, y, grad, x_grad, root_grad, bias_grad, weight, scale, matrices, matrices_grad;
  Ids from, to;
  Edges edges;
  heddle_node_type type{};
  heddle_bundle bundle{};
  std::vector<int64_t> table, order;
  heddle_target target{nullptr, 0, 0};
  bool known = false;

  Problem(int64_t nodes, int64_t in_dim, int64_t out_dim, int64_t relations, int64_t per_relation, bool aggregate)
      : nodes(nodes), in_dim(in_dim), out_dim(out_dim), relations(relations), x(drawn(nodes * in_dim)),
        root(drawn(in_dim * out_dim)), bias(drawn(out_dim)), y(drawn(nodes * out_dim)), grad(drawn(nodes * out_dim)),
        x_grad(drawn(nodes * in_dim)), root_grad(drawn(in_dim * out_dim)), bias_grad(drawn(out_dim)),
        weight(drawn(relations * per_relation)), scale(drawn(relations * nodes)),
        matrices(drawn(relations * in_dim * out_dim)), matrices_grad(drawn(relations * in_dim * out_dim)),
        from(ids(relations * per_relation, nodes)), to(ids(relations * per_relation, nodes)),
        edges(block(from, per_relation, aggregate ? 0 : nodes), block(to, per_relation, nodes), aggregate ? nodes : relations * nodes,
              relations * nodes) {
    type = {x.data(), root.data(), bias.data(), y.data(), grad.data(), x_grad.data(), root_grad.data(), bias_grad.data(), nodes, in_dim};
    for (int64_t i = 0; i < relations; ++i) {
      table.insert(table.end(), {0, nodes, nodes});
      order.push_back(relations - 1 - i);
    }
    bundle = {edges.indptr.data(), edges.columns.data(), edges.t_indptr.data(), edges.t_rows.data(), edges.t_order.data(),
              weight.data(), scale.data(), nullptr, matrices.data(), matrices_grad.data(), table.data(), order.data(), 0,
              static_cast<int64_t>(edges.columns.size()), aggregate ? nodes : relations * nodes, relations * nodes, relations,
              relations, 1, aggregate};
  }

  static Ids block(Ids result, int64_t per_relation, int64_t step) {
    for (size_t e = 0; e < result.size(); ++e)
      result[e] += static_cast<int32_t>(static_cast<int64_t>(e) / per_relation * step);
    return result;
  }

  int forward(int64_t threads) {
    return heddle_relational_conv(&type, 1, &bundle, 1, &target, out_dim, 0, HEDDLE_FLOAT64, HEDDLE_INT32, threads, known);
  }
  int backward(int64_t threads) {
    return heddle_relational_conv_grad(&type, 1, &bundle, 1, &target, out_dim, 0, HEDDLE_FLOAT64, HEDDLE_INT32, threads, known);
  }

  // y by its formula, edge by edge.
  Doubles expected() const {
    Doubles sums(static_cast<size_t>(nodes * out_dim));
    const auto add = [&](int64_t to_node, const double* row, const double* matrix, double factor) {
      for (int64_t k = 0; k < in_dim; ++k)
        for (int64_t j = 0; j < out_dim; ++j) sums[static_cast<size_t>(to_node * out_dim + j)] += factor * row[k] * matrix[k * out_dim + j];
    };
    for (int64_t i = 0; i < nodes; ++i) {
      add(i, &x[static_cast<size_t>(i * in_dim)], root.data(), 1);
      for (int64_t j = 0; j < out_dim; ++j) sums[static_cast<size_t>(i * out_dim + j)] += bias[static_cast<size_t>(j)];
    }
    for (int64_t row = 0; row < relations * nodes; ++row)
      for (int32_t e = edges.indptr[static_cast<size_t>(row)]; e < edges.indptr[static_cast<size_t>(row) + 1]; ++e) {
        const int64_t relation = row / nodes, sender = edges.columns[static_cast<size_t>(e)] % nodes;
        add(row % nodes, &x[static_cast<size_t>(sender * in_dim)], &matrices[static_cast<size_t>(order[static_cast<size_t>(relation)] * in_dim * out_dim)],
            weight[static_cast<size_t>(e)] * scale[static_cast<size_t>(row)]);
      }
    return sums;
  }
};

double dot(const Doubles& a, const Doubles& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

void check(bool aggregate, int64_t nodes, int64_t in_dim, int64_t out_dim, int64_t relations, int64_t edges, int64_t threads) {
  Problem p(nodes, in_dim, out_dim, relations, edges, aggregate);
  CHECK(p.forward(threads) == HEDDLE_OK);
  const Doubles expected = p.expected();
  for (size_t i = 0; i < expected.size(); ++i) CHECK(std::fabs(p.y[i] - expected[i]) < 1e-9 * (1 + std::fabs(expected[i])));
  CHECK(p.backward(threads) == HEDDLE_OK);
  const Doubles y = p.y, grads = p.matrices_grad;
  p.known = true;  // without the checks the numbers are the same
  CHECK(p.forward(threads) == HEDDLE_OK && p.backward(threads) == HEDDLE_OK && p.y == y && p.matrices_grad == grads);
  // y is linear in x apart from the bias, and in all weights together.
  const double total = dot(p.grad, p.y), biases = dot(p.bias_grad, p.bias);
  CHECK(std::fabs(dot(p.x_grad, p.x) + biases - total) < 1e-8 * (1 + std::fabs(total)));
  const double weights = dot(p.root_grad, p.root) + dot(p.matrices_grad, p.matrices) + biases;
  CHECK(std::fabs(weights - total) < 1e-8 * (1 + std::fabs(total)));
}

void check_ids() {
  for (const bool aggregate : {false, true})
    for (const int32_t wrong : {-1, 1 << 30}) {
      Problem p(700, 5, 6, 3, 900, aggregate);
      p.edges.columns[500] = wrong;
      CHECK(p.forward(2) == HEDDLE_RANGE);
      Problem q(700, 5, 6, 3, 900, aggregate);
      q.edges.t_rows[500] = wrong;
      CHECK(q.backward(2) == HEDDLE_RANGE);
    }
}

void check_tables() {
  const auto refused = [](auto&& change) {
    Problem p(700, 5, 6, 3, 900, false);
    change(p);
    CHECK(p.forward(2) == HEDDLE_INVALID && p.backward(2) == HEDDLE_INVALID);
  };
  for (const int64_t wrong : {-1, 3, 1 << 30}) {
    refused([=](Problem& p) { p.order[1] = wrong; });
    for (size_t column = 0; column < 3; ++column) refused([=](Problem& p) { p.table[3 + column] = wrong; });
  }
  refused([](Problem& p) { p.order[1] = p.order[0]; });
  refused([](Problem& p) { p.target.type = 1; });
  refused([](Problem& p) { p.bundle.targets = 0; });
  refused([](Problem& p) { p.bundle.relations = 2; });
}

}  // namespace

int main() {
  for (const bool aggregate : {false, true}) {
    check(aggregate, 1, 1, 1, 1, 1, 1);
    check(aggregate, 7, 5, 3, 2, 20, 2);
    for (const int64_t threads : {1, 2, 4}) check(aggregate, 2500, 33, 17, 6, 3000, threads);
    std::vector<std::thread> callers;
    for (int i = 0; i < 2; ++i) callers.emplace_back([=] {
      Problem* p;
      static std::atomic_flag drawing = ATOMIC_FLAG_INIT;
      while (drawing.test_and_set()) std::this_thread::yield();
      p = new Problem(2500, 16, 16, 5, 3000, aggregate);
      drawing.clear();
      for (int round = 0; round < 3; ++round) CHECK(p->forward(3) == HEDDLE_OK && p->backward(3) == HEDDLE_OK);
      delete p;
    });
    for (std::thread& caller : callers) caller.join();
  }
  check_ids();
  check_tables();
}
