"""Would inner embeddings, kept by (node, version), make requests cheaper? What they save at most, how often they hit.

    python benchmarks/serve_cache.py                  # 20k nodes, 400k edges
    python benchmarks/serve_cache.py --size 1000000:20000000

A request embeds the neighbours of its two ends (the inner layer) and then the ends. Kept embeddings could save the
inner layer at most: what one call of the kernel costs beyond a call without it, on the graph of benchmarks/serve.py.

How often they would hit is counted in replays of rows in the order of their times: a neighbour's embedding can be taken
again if the edges that it is made of are the same. With `newest` they are, until the node gets another edge. With
draws, which a question's time enters so that other times see other samples, they are for questions of one time alone.
Memory is boundless, the first half of the rows fills it, and a lookup is free: all is kinder than a cache could be.
"""

import argparse
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from serve_graph import make, rows

import heddle
from heddle.data.prepared.read import open_prepared
from heddle.engines.plugins import load_plugins
from heddle.sampling.types import Fanout
from heddle.serving.bundle.bundle import Bundle
from heddle.serving.scoring.plan import Plan

ROWS = 400
REPLAYED, REMEMBERED = 20_000, 2_000_000
"""Rows that are replayed, and rows before them that are known."""


def cost(call: Callable[[int], object]) -> float:
    """Return the median microseconds of CPU of a call, over ROWS of them."""
    costs = []
    for at in range(ROWS):
        begin = time.thread_time()
        call(at)
        costs.append(time.thread_time() - begin)
    return float(np.median(costs)) * 1e6


def costs(root: Path) -> None:
    """Print what a request's parts cost."""
    with Bundle(root / "bundle", load_plugins()) as bundle:
        snapshot, scorer = bundle.live.snapshot(), bundle.scorer
        sent = rows(np.random.default_rng(1), snapshot.n_node, ROWS)
        asked = [bundle.rows([row]) for row in sent]
        seeds = [scorer.seeds(bundle.questions(row, snapshot))[:2] for row in asked]
        whole, plan = scorer.embedders.on(snapshot), scorer.plan
        assert whole is not None and plan is not None
        # the same first layer, of the ends alone: what is left of the kernel's work where every neighbour is kept
        fanout = Fanout(plan.fanout.sizes[:1], layered=True, newest=plan.fanout.newest)
        short = Plan(plan.layers[:1], plan.nodes, plan.edges, fanout, plan.key)
        outer = scorer.embedders.make(snapshot.generation.store, short, snapshot.generation.sources())
        request = cost(lambda at: bundle.score(asked[at], snapshot))
        both = cost(lambda at: whole(snapshot.cut, *seeds[at]))
        one = cost(lambda at: outer(snapshot.cut, *seeds[at]))
    print(f"score of a row, in the process          {request:8.0f} us of CPU")
    print(f"of these the kernel                     {both:8.0f}")
    print(f"the kernel without the inner layer      {one:8.0f}")
    print(
        f"saved at most, if every neighbour hits  {both - one:8.0f}, {100 * (both - one) / request:.0f}% of a score"
    )


def hits(name: str, card: np.ndarray, shop: np.ndarray, moment: np.ndarray, taken: int = 15) -> None:
    """Print how often neighbours' embeddings would be found in a replay of payments by their times."""
    order = np.argsort(moment, kind="stable")
    card, shop, moment = card[order], shop[order], moment[order]
    begin = max(0, len(card) - REPLAYED)
    paid: tuple[dict[int, list[int]], dict[int, list[int]]] = {}, {}
    for at in range(max(0, begin - REMEMBERED), begin):
        paid[0].setdefault(int(card[at]), []).append(int(shop[at]))
        paid[1].setdefault(int(shop[at]), []).append(int(card[at]))
    kept: dict[tuple[int, int], int] = {}
    drawn: set[tuple[int, int, int]] = set()
    newest_hits = drawn_hits = looked = 0
    for at in range(begin, len(card)):
        counted = at >= begin + (len(card) - begin) // 2
        for end, node in enumerate((int(card[at]), int(shop[at]))):
            for neighbour in paid[end].get(node, ())[-taken:]:
                version = len(paid[1 - end].get(neighbour, ()))
                looked += counted
                newest_hits += counted and kept.get((1 - end, neighbour)) == version
                drawn_hits += counted and (1 - end, neighbour, int(moment[at])) in drawn
                kept[1 - end, neighbour] = version
                drawn.add((1 - end, neighbour, int(moment[at])))
        paid[0].setdefault(int(card[at]), []).append(int(shop[at]))
        paid[1].setdefault(int(shop[at]), []).append(int(card[at]))
    rates = f"{100 * newest_hits / looked:5.1f}% with newest, {100 * drawn_hits / looked:5.1f}% with draws"
    print(f"{name:32s} {looked} neighbours: found {rates}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", default="20000:400000", help="NODES:EDGES")
    nodes, edges = map(int, parser.parse_args().size.split(":"))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make(root, nodes, edges)
        print(f"{platform.machine()}, Python {platform.python_version()}; heddle {heddle.__version__}")
        print(f"R-GCN, 2 layers of 64, fanouts [15, 10]; {nodes} nodes, {edges} edges, a row a request")
        costs(root)
        (payments,) = (of for of in open_prepared(root / "prepared").edges.values() if of.rows_of is None)
        senders = np.asarray(payments.senders)
        shops = np.repeat(np.arange(len(payments.indptr) - 1), np.diff(payments.indptr))
        hits("payments of serve.py", senders, shops, np.asarray(payments.time)[np.asarray(payments.edge_ids)])
        chance = np.random.default_rng(0)
        popular = np.minimum(chance.zipf(1.3, 400_000) - 1, 99_999)
        moments = np.sort(chance.integers(0, 10**7, 400_000))
        hits("6000 cards, popular shops", chance.integers(0, 6000, 400_000), popular, moments)


if __name__ == "__main__":
    main()
