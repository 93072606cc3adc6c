"""pack, dynamic_batches: a stream of graphs into few shapes with little padding."""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np

from heddle.errors import BudgetError
from heddle.graphs.batch.joining import batch
from heddle.graphs.batch.padding import Budget, Padded, fits, pad
from heddle.graphs.graph import Graph

UNDERFULL = 0.85
"""A bin of the smallest budget that is less full than this waits for the next window, once."""

SPREAD = 0.95
"""Share of the bins a window fills that are open before any is full: large graphs and small ones, and those rich in
nodes and in edges, spread over all batches."""

FINE = 1 / 16
"""Share of a bin below which graphs are taken in the stream's order instead of by size: few larger ones decide how much
is padded, and with the rest a shuffled stream's batches are other ones each epoch."""

ROOMY = 0.6
"""Room a bin has, of the most that any has, for a large graph to join it by chance: so large graphs come together in
one batch, and others have none, nearly as often as in batches drawn at random, and padding is hardly more."""

GROWTH = 4.0
"""How much larger than the largest budget a new one is, at least, where a window can fill it."""

FILLABLE = 0.25
"""Share of a window that a new budget may hold to be called fillable; a larger one holds the graph it is for."""

TIGHT = 3
"""New budgets that are hardly larger than the graph they are for, at most: few are needed where the first ones are from
a sample of the stream."""

CLOSE = 0.7
"""Share of such a budget that another graph has to take up not to get one of its own."""


def dynamic_batches(
    stream: Iterable[Graph],
    budgets: Budget | Sequence[Budget],
    *,
    window: int = 1024,
    allow_new_shapes: bool = True,
) -> Iterator[tuple[Padded, np.ndarray]]:
    """Yield padded batches of a stream of graphs, each with the positions in the stream of the graphs it holds.

    Every graph comes out exactly once, after at most two windows of the stream were read. The order within them is
    not the stream's; `targets[positions]` follows it. An empty stream yields nothing.

    Args:
        stream: graphs in numpy, read lazily.
        budgets: from `budget_for`; the shapes that come out.
        window: graphs held back at a time to be packed together.
        allow_new_shapes: whether a graph that exceeds every budget gets a new, larger one, used from then on.

    Raises:
        BudgetError: a graph that exceeds every budget, with `allow_new_shapes` False; names its position.
    """
    waiting: dict[int, Graph] = {}

    def sizes() -> Iterator[tuple[int, int, int]]:
        for position, graph in enumerate(stream):
            waiting[position] = graph
            yield int(np.sum(graph.n_node)), len(graph.senders), len(graph.n_node)

    for budget, positions in pack(sizes(), budgets, window=window, allow_new_shapes=allow_new_shapes):
        yield pad(batch([waiting.pop(int(position)) for position in positions]), budget), positions


def pack(
    sizes: Iterable[Sequence[int]],
    budgets: Budget | Sequence[Budget],
    *,
    window: int = 1024,
    allow_new_shapes: bool = True,
) -> Iterator[tuple[Budget, np.ndarray]]:
    """Yield (budget, positions [n] int) for each batch of a stream of sizes, as `dynamic_batches` does of graphs.

    Large ones first within a window, see FINE: a graph joins the open bin that it leaves the most room in (a large one
    also one with less, see ROOMY), or opens one of the smallest budget that holds it. Most are open from the start, so
    that large graphs and small ones come together. Bins of the smallest budget that stay underfull carry over to the
    next window, once. What is drawn follows from the stream alone: the same stream gives the same batches.

    Args:
        sizes: (nodes, edges, graphs) of each entry, e.g. the rows of `sizes_of`.

    Raises:
        BudgetError: no budget, a window below 1, or, without `allow_new_shapes`, a graph larger than the budgets.
    """
    tiers = [budgets] if isinstance(budgets, Budget) else list(budgets)
    if not tiers or window < 1:
        raise BudgetError(
            f"pack: found {len(tiers)} budgets and window {window}, expected at least 1 of each; see budget_for"
        )
    rest, numbered, given = np.empty((0, 4), np.int64), enumerate(sizes), len(tiers)
    while True:
        fresh = np.array([(i, *size) for i, size in islice(numbered, window)], np.int64).reshape(-1, 4)
        for position, *size in _oversize(fresh, tiers[:given]):
            if not allow_new_shapes:
                raise _too_large(position, size, tiers[-1])
            tiers[given:] = _with_room(size, tiers[given:], tiers[given - 1], fresh[:, 1:].sum(axis=0))
        last = len(fresh) < window
        kept = []
        waited = {int(position) for position in rest[:, 0]}
        for tier, free, members in _fill(rest, fresh, tiers):
            waits = tier == 0 and not last and waited.isdisjoint(members[:, 0].tolist())
            if waits and _fullness(tiers[0], free) < UNDERFULL:
                kept.append(members)
            else:
                yield tiers[tier], np.sort(members[:, 0])
        if last:
            return
        rest = np.concatenate([rest[:0], *kept])


def _fill(
    rest: np.ndarray, fresh: np.ndarray, tiers: Sequence[Budget]
) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """Pack [n, 4] items (position, nodes, edges, graphs) into bins: (tier, free sizes, members), by first position.

    Those of `rest` have waited: they go first, so that the fresh ones fill up their bins.
    """
    items = np.concatenate([rest, fresh])
    capacity = np.array(tiers, np.int64) - (1, 0, 1)  # a padding node and a padding graph
    size = (items[:, 1:3] / np.maximum(capacity[0, :2], 1)).max(axis=1)
    small = (items[:, 1:] <= capacity[0]).all(axis=1)
    order = np.lexsort((-np.maximum(size, FINE), np.arange(len(items)) >= len(rest), small))
    free, inverse = np.zeros((2 * len(items), 3)), np.zeros((2 * len(items), 3))
    first_small = len(items) - int(small.sum())
    tiers_of: list[int] = []
    members: list[list[int]] = []
    chance = iter(np.random.default_rng(len(items)).random(len(items)).tolist())

    def open_bin(tier: int) -> int:
        free[len(members)] = capacity[tier]
        inverse[len(members)] = 1 / np.maximum(capacity[tier], 1)
        tiers_of.append(tier)
        members.append([])
        return len(members) - 1

    for position, item in enumerate(order.tolist()):
        if position == first_small:
            missing = items[small, 1:].sum(axis=0) - free[: len(members)].sum(axis=0)
            for _ in range(min(len(items), int(SPREAD * (missing / np.maximum(capacity[0], 1)).max()))):
                open_bin(0)
        needs = items[item, 1:]
        left = ((free[: len(members)] - needs) * inverse[: len(members)]).min(axis=1)
        best = int(left.argmax()) if members else 0
        if members and left[best] > 0 and size[item] > FINE:
            roomy = np.flatnonzero(left >= ROOMY * left[best])
            best = int(roomy[int(next(chance) * len(roomy))])
        if not members or left[best] < 0:
            best = open_bin(next(t for t, tier in enumerate(tiers) if fits(needs.tolist(), tier)))
        free[best] -= needs
        members[best].append(item)
    by_position = sorted((b for b in range(len(members)) if members[b]), key=lambda b: min(members[b]))
    return [(tiers_of[b], free[b], items[members[b]]) for b in by_position]


def _fullness(tier: Budget, free: np.ndarray) -> float:
    """Return the share used of whatever is used most: nodes, edges or graphs."""
    return float(np.max(1 - free / np.maximum(tier, 1)))


def _oversize(items: np.ndarray, tiers: Sequence[Budget]) -> list[list[int]]:
    """Return the items (position, nodes, edges, graphs) that no tier holds, largest first."""
    held = np.zeros(len(items), bool)
    for tier in tiers:
        held |= (items[:, 1:] <= np.array(tier) - (1, 0, 1)).all(axis=1)
    size = (items[:, 1:] / np.maximum(tiers[-1], 1)).max(axis=1)
    result: list[list[int]] = items[~held][np.argsort(-size[~held], kind="stable")].tolist()
    return result


def _with_room(size: Sequence[int], new: list[Budget], given: Budget, total: np.ndarray) -> list[Budget]:
    """Return the new budgets, smallest first, with one that holds `size`, which no given one does.

    Where the window's `total` fills it, it grows in the proportions of the largest, so that the next large graphs fit.
    Otherwise what is free of it stays padding: so the first ones are hardly larger than their graphs, and later ones
    grow in whatever the last was too small in, so that no stream needs many.
    """
    room = FILLABLE * total[:2]
    holding = [tier for tier in new if fits(size, tier)]
    for tier in holding:
        close = max(size[0] / tier.n_node, size[1] / max(tier.n_edge, 1)) >= CLOSE
        if close or len(new) >= TIGHT or (room >= tier[:2]).all():
            return new
    largest = new[-1] if new else given
    needed = (size[0] + 1, size[1], size[2] + 1)
    scale = max(GROWTH, *(need / max(have, 1) for need, have in zip(needed, largest)))
    if not holding and (room >= scale * np.array(largest[:2])).all():
        tier = Budget(*(max(need, math.ceil(have * scale)) for need, have in zip(needed, largest)))
    else:
        least = largest if len(new) >= TIGHT else Budget(0, 0, 0)
        n_node, n_edge = (
            max(8 * math.ceil(need / 8), math.ceil(math.sqrt(GROWTH) * have) if need > have else have)
            for need, have in zip(needed[:2], least)
        )
        tier = Budget(n_node, n_edge, max(needed[2], given.n_graph))
    return sorted([*new, tier], key=lambda tier: tier.n_node * max(tier.n_edge, 1))


def _too_large(position: int, size: Sequence[int], largest: Budget) -> BudgetError:
    tier = Budget(*(max(need, have) for need, have in zip((size[0] + 1, size[1], size[2] + 1), largest)))
    return BudgetError(
        f"dynamic_batches: graph {position} of the stream has {size[0]} nodes and {size[1]} edges, the largest "
        f"budget allows {largest.n_node - 1} and {largest.n_edge}; add {tier} to the budgets or allow new shapes"
    )
