"""What the reasons of one row cost, on the graph of benchmarks/serve.py: R-GCN, two layers of 64, fanouts [15, 10].

    python benchmarks/reasons.py                      # 20k nodes, 400k edges
    python benchmarks/reasons.py --size 1000000:20000000

The gate: contributions of every row add up to its score to 1e-4, and of 20 rows none is further than 1% of the largest
from those of 2000 steps along the path, taken with the same levels but without their closed sums.
"""

import argparse
import platform
import tempfile
import time
from pathlib import Path

import numpy as np
from serve_graph import make, rows

import heddle
from heddle.engines.plugins import load_plugins
from heddle.serving.bundle.bundle import Bundle
from heddle.serving.reasons.explain import explain
from heddle.serving.reasons.integrate import Integrated, integrate
from heddle.serving.reasons.network import Network
from heddle.serving.reasons.picture import picture
from heddle.serving.reasons.sampled import network_of, question_of

ROWS = 200
WEIGHTS = np.array([-1.0, 1.0])


def by_steps(network: Network, steps: int) -> list[np.ndarray]:
    """Return what each feed of each level brought, by gradients in the middle of so many stretches."""
    alpha = (np.arange(steps) + 0.5) / steps
    z = [network.inputs(0, alpha)]
    for level in range(1, len(network.levels)):
        z.append(network.rise(level, alpha, z[-1]))
    gradient = {name: np.broadcast_to(of, (steps, *of.shape)) for name, of in network.top.items()}
    brought: list[list[np.ndarray]] = []
    for level in range(len(network.levels) - 1, -1, -1):
        mean = {name: of.mean(axis=0) for name, of in gradient.items()}
        feeds = network.levels[level].feeds
        of_level = [feed.values * feed.flow.back(mean[feed.flow.target], len(feed.values)) for feed in feeds]
        brought.insert(
            0, [of.sum(axis=1, keepdims=True) if feed.whole else of for feed, of in zip(feeds, of_level)]
        )
        if level:
            gradient = network.sink(level, gradient, z[level - 1])
    return [of for of_level in brought for of in of_level]


def check(integrated: Integrated, network: Network) -> float:
    """Return how far contributions are from those of steps, over the largest."""
    actual = [of for level in integrated.feeds for of in level]
    expected = by_steps(network, 2000)
    largest = max(float(np.abs(of).max(initial=0.0)) for of in expected)
    return max(float(np.abs(a - b).max(initial=0.0)) for a, b in zip(actual, expected, strict=True)) / largest


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", default="20000:400000", help="NODES:EDGES")
    nodes, edges = map(int, parser.parse_args().size.split(":"))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make(root, nodes, edges)
        registry = load_plugins()
        with Bundle(root / "bundle", registry) as bundle:
            snapshot, sent = (
                bundle.live.snapshot(),
                bundle.rows(rows(np.random.default_rng(1), bundle.live.snapshot().n_node, ROWS)),
            )
            print(f"{platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}")
            print(f"heddle {heddle.__version__}; {nodes} nodes, {edges} edges")
            gaps, far, times = [], [], {"scores": [], "levels": [], "sums": [], "reasons": [], "picture": []}
            for at in range(ROWS):
                row = bundle.rows([{name: values[at] for name, values in sent.columns.items()}])
                questions = bundle.questions(row, snapshot)
                marks = [time.thread_time()]
                bundle.score(row, snapshot)
                marks.append(time.thread_time())
                network = network_of(bundle.scorer, question_of(bundle.scorer, snapshot, questions), WEIGHTS)
                marks.append(time.thread_time())
                integrated = integrate(network)
                marks.append(time.thread_time())
                reasons = explain(bundle, row, snapshot=snapshot)[0]
                marks.append(time.thread_time())
                picture(reasons)
                marks.append(time.thread_time())
                for name, cost in zip(times, np.diff(marks), strict=True):
                    times[name].append(cost * 1e3)
                gaps.append(abs(reasons.gap))
                assert reasons.gap < 1e-4 and integrated.exact, reasons.gap
                if at < 20:
                    far.append(check(integrated, network))
            assert max(far) < 0.01, far
            print(
                f"gap: median {np.median(gaps):.1e}, worst {max(gaps):.1e}; from 2000 steps at most {max(far):.1e}"
            )
            print(f"{'ms of CPU':20s} {'p50':>8s} {'p99':>8s}")
            for name, costs in times.items():
                print(f"{name:20s} {np.percentile(costs, 50):8.2f} {np.percentile(costs, 99):8.2f}")


if __name__ == "__main__":
    main()
