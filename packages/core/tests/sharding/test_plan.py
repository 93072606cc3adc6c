"""Plans from sizes alone: how they fall with devices, which one is taken, and what is said when none fits."""

import numpy as np
import pytest

from heddle.engines.sharding.halo import parts_of
from heddle.engines.sharding.partition import METHODS, cut_share, partition
from heddle.engines.sharding.plan import PLANS, choose, estimate, estimates, plans_for
from heddle.engines.sharding.rounds import rounds_of
from heddle.engines.sharding.settings import PARTITIONS, Sharding
from heddle.engines.sharding.sizes import Workload, expected_halo, halo_sizes
from heddle.errors import BudgetError, ConfigError
from heddle.graphs.graph import Graph, hetero_graph
from heddle.nn.layers.gat import GAT
from heddle.nn.layers.gcn import GCN
from heddle.nn.layers.graph_network import GraphNetwork
from heddle.nn.layers.linear import Linear
from heddle.nn.models.stack import Stack
from heddle.options import build
from heddle.options.byte_sizes import from_bytes, in_bytes

GCN_OF = Stack((GCN(32, 64), GCN(64, 8)))
BILLION = Workload(10**8, 10**9, 128, rounds_of(Stack((GCN(128, 64), GCN(64, 16))), 128), 10_000, 10**8)
SMALL = Workload(10_000, 100_000, 32, rounds_of(GCN_OF, 32), 2_632, 10_000)


def test_edges_falls_to_the_nodes_and_the_partition_to_nothing():
    """O(N + E / D) for replicated nodes, O((N + E) / D + halo) for the partition."""
    alone = estimate("none", BILLION, 1)
    for plan, floor in (("edges", 0.3), ("halo", 0.01)):
        totals = [estimate(plan, BILLION, d, cut=0.01).total for d in (2, 8, 64, 512)]
        assert totals == sorted(totals, reverse=True) and totals[0] < alone.total
        assert (totals[-1] / alone.total > floor) == (plan == "edges")


def test_one_device_sends_nothing():
    assert [one.sends for one in estimates(BILLION, 1)] == [0, 0, 0]
    assert estimate("none", BILLION, 64).n_devices == 1


def test_sums_across_devices_send_what_a_ring_sends():
    """Two all-reduces forward (32 and 8 columns), one back (features take no gradient), and the weights' own."""
    n, f, half = SMALL.n_nodes, 4, 7 / 8
    assert estimate("edges", SMALL, 8).sends == 2 * half * f * (n * (32 + 8 + 8) + SMALL.n_params)
    assert estimate("scatter", SMALL, 8).sends == half * f * (n * 2 * (32 + 8 + 8) + 2 * SMALL.n_params)


def test_a_halo_sends_its_slots():
    sizes = expected_halo(SMALL.n_nodes, SMALL.n_edges, 4, cut=0.1)
    sends = estimate("halo", SMALL, 4, cut=0.1).sends
    assert sends == 3 / 4 * 4 * (4 * sizes.slots * (32 + 8 + 8) + 2 * SMALL.n_params)


def test_the_expected_halo_is_that_of_a_random_partition():
    rng = np.random.default_rng(0)
    senders, receivers = rng.integers(0, 3000, (2, 20_000))
    owner = partition(senders, receivers, 3000, 4, "random")
    actual = halo_sizes(parts_of(senders, receivers, owner, 4))
    expected = expected_halo(3000, 20_000, 4, cut_share(senders, receivers, owner))
    np.testing.assert_allclose(actual, expected, rtol=0.08)


def test_attention_counts_loops_and_edge_networks_count_edges():
    gat, network = rounds_of(Stack((GAT(8, 8, heads=2),)), 8), rounds_of(Stack((GraphNetwork(8, 8),)), 8)
    assert gat[0].loops and gat[0].edge > 16 and network[0].edge >= 32
    assert rounds_of(Stack((Linear(8, 4),)), 8)[0].sent == 0

    class Other:
        out_dim = 12

    assert rounds_of(Other(), 8)[0].edge == 48


def test_the_cheapest_that_fits_is_taken():
    results = {one.plan: one for one in estimates(SMALL, 8, cut=0.03)}
    assert choose(list(results.values()), None).plan == "halo"
    scattered = choose([results["edges"], results["scatter"]], results["edges"].total)
    assert scattered.cost == min(results["edges"].cost, results["scatter"].cost)
    assert choose(list(results.values()), results["halo"].total).plan == "halo"
    dense = estimates(SMALL, 8, cut=1.0)
    tight = min(one.total for one in dense)
    assert choose(dense, tight).total == tight


def test_nothing_fits():
    with pytest.raises(
        BudgetError, match=r"sharding=halo: found a need of .* allows 1 kB; take about .* times"
    ):
        choose(estimates(BILLION, 8), 1000)


def test_a_graph_with_types_of_nodes_splits_its_edges_only():
    typed = hetero_graph({}, {}, {"a": np.array([1])})
    assert plans_for(typed) == ("edges",)
    assert plans_for(Graph(None, None, *([np.array([0])] * 2), None, *([np.array([1])] * 2))) == PLANS


@pytest.mark.parametrize("arguments", [("edgs", 2, {}), ("edges", 0, {}), ("halo", 2, {"cut": 1.5})])
def test_wrong_words(arguments):
    plan, devices, more = arguments
    with pytest.raises(ConfigError, match="expected"):
        estimate(plan, SMALL, devices, **more)


def test_an_empty_graph_costs_little():
    for one in estimates(Workload(0, 0, 4, rounds_of(GCN_OF, 32)), 4):
        assert one.total < 2000


def test_bytes():
    assert [in_bytes(n) for n in (0, 999, 1000, 2.5e9, 10**18)] == [
        "0 B",
        "999 B",
        "1 kB",
        "2.5 GB",
        "1e+03 PB",
    ]
    assert [from_bytes(t, "k") for t in ("1.5GB", "2 MiB", "7", 7)] == [1_500_000_000, 2**21, 7, 7]
    for wrong in ("", "GB", "-1", "0", "1 XB", "1e999"):
        with pytest.raises(ConfigError, match="k: found"):
            from_bytes(wrong, "k")


def test_settings():
    assert not Sharding().is_sharded
    node = {"name": "halo", "devices": 4, "device_memory": "2GB", "partition": "random"}
    assert build(Sharding, node, "sharding") == Sharding("halo", 4, 2 * 10**9, "random")


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"name": "hallo"}, "did you mean 'halo'"),
        ({"name": "halo", "partition": "label"}, "did you mean 'labels'"),
        ({"name": "edges", "devices": 0}, "sharding.devices: found 0"),
        ({"name": "edges", "device_memory": "lots"}, "sharding.device_memory: found 'lots'"),
    ],
)
def test_settings_that_do_not_go_together(node, message):
    with pytest.raises(ConfigError, match=message):
        build(Sharding, node, "sharding")


def test_every_partition_that_can_be_chosen_is_there():
    assert tuple(METHODS) == PARTITIONS
