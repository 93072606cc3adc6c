"""Candidates: the negative edges that each true link is ranked against, its own and fixed by the seed.

No rank depends on how many links a split or a batch has: candidates are drawn by what the link is in its split.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from heddle.data.dataset import SPLITS
from heddle.errors import ConfigError, DataError, nearest
from heddle.sampling.stream import MASK, branch, branches

KINDS = ("random", "historical", "all", "file")
USUAL = "random:100"

RANKED = {"train": 2_000, "valid": 10_000, "test": 10_000}
"""Links of a split that are ranked at most: a mean over so many is good to 0.01, and candidates are a hundredfold."""

_STREAM = 3
"""Sets the streams of candidates apart from those of negative edges and of samples."""
_ROUNDS = 50
_CELLS = 2**22
"""Draws that are held in memory at a time."""
_MOST = 2**27
"""Candidates of a split that are held."""


class Protocol(NamedTuple):
    """What a true link is ranked against.

    Attributes:
        source: "random": K random ones. "historical": up to K / 2 that its sender met in training, the others random,
            as the Temporal Graph Benchmark has it. "all": every one. "file": those that a file lists.
        k: candidates of a link, 0 for all of them.
        path: of the file.
    """

    source: str
    k: int = 0
    path: str = ""


class Candidates(NamedTuple):
    """The negative edges of some true ones.

    Attributes:
        rows: [m, c] negative edges: true ones with one end replaced.
        of: [m] which rank each of them belongs to, 0 to n - 1.
        positive: [n] the position of each ranked link in its split; a triple is ranked as tail, then as head.
    """

    rows: np.ndarray
    of: np.ndarray
    positive: np.ndarray

    def ranks(self, positive: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Return [n] ranks from 1; ties share the mean of theirs, and a score that isn't a number ranks last.

        Args:
            positive: scores of the split's true links.
            scores: [m] of `rows`.

        >>> some = Candidates(np.zeros((3, 2)), np.array([0, 0, 1]), np.array([0, 1]))
        >>> some.ranks(np.array([0.5, 0.5]), np.array([0.9, 0.5, 0.1])).tolist()
        [2.5, 1.0]
        """
        scores_of_links, n = np.asarray(positive)[self.positive], len(self.positive)
        true = scores_of_links[self.of]
        count = np.bincount(self.of, minlength=n)
        below = np.bincount(self.of, scores < true, n)
        equal = np.bincount(self.of, scores == true, n)
        return 1 + count - below - equal / 2


class Rules(NamedTuple):
    """What may be a candidate.

    Attributes:
        counts: nodes that may be senders (heads), and receivers (tails).
        is_true: [m, c] -> [m] bool: links that are true in any split, which never compete.
        unborn: (links [m, c], positions [m] in the split) -> [m] bool: an end was not there at the time asked;
            None where nothing has a time.
        together: the same for links that are true at the very time asked; None where nothing has a time.
        met: [e, 2] links of training, for historical candidates; None where links have no time.
        ends: columns of a link that are replaced, one after the other.
    """

    counts: tuple[int, int]
    is_true: Callable[[np.ndarray], np.ndarray]
    unborn: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None
    together: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None
    met: np.ndarray | None = None
    ends: Sequence[int] = (-1,)

    def refuse(self, links: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """Tell which links may not compete, [m] bool."""
        bad = self.is_true(links)
        return bad if self.unborn is None else bad | self.unborn(links, positions)


def protocol(text: str, usual: str = USUAL) -> Protocol:
    """Return the Protocol that `task.candidates` names: all, random:K, historical:K, file:PATH; auto is `usual`.

    >>> protocol("random:20")
    Protocol(source='random', k=20, path='')

    Raises:
        ConfigError: another text.
    """
    text = usual if text == "auto" else text
    name, _, rest = text.partition(":")
    if text == "all":
        return Protocol("all")
    if name == "file" and rest:
        return Protocol("file", path=rest)
    if name in ("random", "historical") and rest.isdecimal() and int(rest) > 0:
        return Protocol(name, int(rest))
    hint = nearest(name, KINDS) or "; choose one"
    raise ConfigError(
        f"task.candidates: found {text!r}, expected all, random:K, historical:K or file:PATH{hint}"
    )


def candidates(
    how: Protocol, links: np.ndarray, split: str, seed: int, rules: Rules, positions: np.ndarray | None = None
) -> Candidates:
    """Return the candidates of a split's links.

    Args:
        links: [n, 2] or [n, 3], the whole split.
        positions: which of them are ranked; None for all.

    Raises:
        ConfigError: historical candidates where links have no times, or far too many.
        DataError: a file that doesn't hold candidates of these links.
    """
    if how.source == "historical" and rules.met is None:
        raise ConfigError(
            f"task.candidates=historical:{how.k}: found links without times, where all that a node met is true, "
            f"expected links in time; set task.candidates=random:{how.k}"
        )
    positions = np.arange(len(links)) if positions is None else positions
    key = branch(seed & MASK, _STREAM, SPLITS.index(split))
    parts: list[Candidates] = []
    for end in (-1,) if how.source == "file" else rules.ends:
        pool = rules.counts[1 if end == -1 else 0]
        streams = branches(key, positions, end % links.shape[1]) if len(positions) else np.zeros(0, np.uint64)
        nodes, of = _nodes(how, links, split, positions, streams, pool, end, rules)
        rows = links[positions[of]]
        rows[:, end] = nodes
        parts.append(Candidates(rows, of + sum(len(part.positive) for part in parts), positions))
    return Candidates(*(np.concatenate([part[k] for part in parts]) for k in range(3)))


def _nodes(
    how: Protocol,
    links: np.ndarray,
    split: str,
    positions: np.ndarray,
    streams: np.ndarray,
    pool: int,
    end: int,
    rules: Rules,
) -> tuple[np.ndarray, np.ndarray]:
    """Return ([m] nodes that replace an end, [m] which of `positions` each is for), sorted by the latter."""
    if how.source == "file":
        return _listed(how.path, split, len(links), positions, pool)

    def refuse(nodes: np.ndarray, of: np.ndarray) -> np.ndarray:
        rows = links[positions[of]]
        rows[:, end] = nodes
        return rules.refuse(rows, positions[of])

    if how.source == "all":
        if len(positions) * pool > _MOST:
            raise ConfigError(
                f"task.candidates=all: found {len(positions)} links and {pool} candidates of each, expected at most "
                f"{_MOST} together; set task.candidates=random:1000"
            )
        return _random(pool, pool, streams, refuse)
    nodes, of = _random(how.k, pool, streams, refuse)
    if how.source == "random" or rules.met is None:
        return nodes, of
    met, of_met = _historical(how.k // 2, links, positions, streams, rules)
    room = how.k - np.bincount(of_met, minlength=len(positions))
    kept = _position_in_group(of) < room[of]
    both, of_both = np.concatenate([met, nodes[kept]]), np.concatenate([of_met, of[kept]])
    order = np.argsort(of_both, kind="stable")
    return both[order], of_both[order]


Refuse = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(nodes, of which stream each is) -> whether each is refused."""


def _random(k: int, pool: int, streams: np.ndarray, refuse: Refuse) -> tuple[np.ndarray, np.ndarray]:
    """Return up to k distinct nodes below `pool` for each stream, none of them refused."""
    parts = [(np.zeros(0, np.int64), np.zeros(0, np.int64))]
    few = pool <= 4 * k
    size = max(1, _CELLS // max(1, pool if few else k))
    for start in range(0, len(streams), size):
        chunk = streams[start : start + size]

        def refused(nodes: np.ndarray, of: np.ndarray, start: int = start) -> np.ndarray:
            return refuse(nodes, of + start)

        nodes, of = (_shuffled if few else _drawn)(k, pool, chunk, refused)
        parts.append((nodes, of + start))
    return np.concatenate([nodes for nodes, _ in parts]), np.concatenate([of for _, of in parts])


def _shuffled(k: int, pool: int, streams: np.ndarray, refuse: Refuse) -> tuple[np.ndarray, np.ndarray]:
    """Return the first k of all nodes that aren't refused, in an order of each stream's own."""
    of = np.repeat(np.arange(len(streams)), pool)
    draws = branches(np.repeat(streams, pool), np.tile(np.arange(pool), len(streams)))
    nodes = np.argsort(draws.reshape(len(streams), pool), axis=1, kind="stable").reshape(-1)
    good = ~refuse(nodes, of)
    nodes, of = nodes[good], of[good]
    first = _position_in_group(of) < k
    return nodes[first], of[first]


def _drawn(k: int, pool: int, streams: np.ndarray, refuse: Refuse) -> tuple[np.ndarray, np.ndarray]:
    """Return k nodes for each stream, drawn again until they are distinct and not refused."""
    n = len(streams)
    nodes, slots = np.zeros((n, k), np.int64), np.tile(np.arange(k), (n, 1))
    wrong = np.ones((n, k), bool)
    for round_ in range(_ROUNDS):
        of, slot = np.nonzero(wrong)
        if not len(of):
            break
        draws = branches(streams[of], round_, slot)
        drawn = ((draws >> np.uint64(11)) * 2.0**-53 * pool).astype(np.int64)
        nodes[of, slot] = drawn
        wrong[of, slot] = refuse(drawn, of)
        rows = np.unique(of)
        order = np.lexsort((wrong[rows] * k + slots[rows], nodes[rows]), axis=1)
        ordered = np.take_along_axis(nodes[rows], order, axis=1)
        again = np.zeros(ordered.shape, bool)
        again[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
        double = np.empty_like(again)
        np.put_along_axis(double, order, again, axis=1)
        wrong[rows] |= double
    of, slot = np.nonzero(~wrong)
    return nodes[of, slot], of


def _historical(
    k: int, links: np.ndarray, positions: np.ndarray, streams: np.ndarray, rules: Rules
) -> tuple[np.ndarray, np.ndarray]:
    """Return up to k receivers that each link's sender met in training, without those it meets at the time asked."""
    assert rules.met is not None
    met = np.unique(rules.met[:, [0, -1]], axis=0).reshape(-1, 2)
    senders = links[positions, 0]
    first, last = (np.searchsorted(met[:, 0], senders, side) for side in ("left", "right"))
    of = np.repeat(np.arange(len(positions)), last - first)
    nodes = met[np.repeat(first, last - first) + _position_in_group(of), 1]
    rows = links[positions[of]]
    rows[:, -1] = nodes
    bad = nodes == links[positions[of], -1]
    for rule in (rules.together, rules.unborn):
        if rule is not None:
            bad |= rule(rows, positions[of])
    nodes, of = nodes[~bad], of[~bad]
    order = np.lexsort((branches(streams[of], _ROUNDS, nodes), of)) if len(of) else of
    nodes, of = nodes[order], of[order]
    kept = _position_in_group(of) < k
    return nodes[kept], of[kept]


def _listed(path: str, split: str, n: int, positions: np.ndarray, pool: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the candidates that a file lists."""
    try:
        with np.load(Path(path).expanduser()) as arrays:
            if split not in arrays:
                return np.zeros(0, np.int64), np.zeros(0, np.int64)
            listed = np.asarray(arrays[split])
    except (OSError, ValueError) as error:
        raise DataError(
            f"task.candidates: found that {path} can't be read ({error}), expected an .npz file; make it again"
        ) from error
    if listed.ndim != 2 or len(listed) != n or listed.dtype.kind not in "iu":
        raise DataError(
            f"task.candidates: found {split!r} of shape {list(listed.shape)} in {path}, expected integers [{n}, K], a "
            f"row for each link of the split; make the file for these splits"
        )
    listed = listed[positions]
    if listed.size and (listed.max() >= pool or listed.min() < -1):
        raise DataError(
            f"task.candidates: found node {listed.max()} in {path}, expected ids in [0, {pool}), or -1 for none"
        )
    of, slot = np.nonzero(listed >= 0)
    return listed[of, slot].astype(np.int64), of


def _position_in_group(of: np.ndarray) -> np.ndarray:
    """Return the position of each entry among those of its group, groups being sorted.

    >>> _position_in_group(np.array([0, 0, 2])).tolist()
    [0, 1, 0]
    """
    first = np.searchsorted(of, of, "left")
    return np.arange(len(of)) - first


def positions_ranked(links: np.ndarray, split: str, seed: int) -> np.ndarray:
    """Return which of a split's links [n, 2] are ranked, [m] int: all, or RANKED of them drawn at random."""
    most = RANKED[split]
    if len(links) <= most:
        return np.arange(len(links))
    draws = branches(branch(seed & MASK, _STREAM, len(SPLITS), SPLITS.index(split)), np.arange(len(links)))
    return np.sort(np.argsort(draws, kind="stable")[:most])


class Meetings:
    """Links and the times at which they are true, to ask whether a link is true at a time.

    Args:
        rows: [n, 2] pairs; times: [n].
        n_receivers: nodes that may be receivers.
        either: whether a link in the other direction is the same one.
    """

    def __init__(self, rows: np.ndarray, times: np.ndarray, n_receivers: int, either: bool):
        self._n, self._either = n_receivers, either
        self._pairs, pair = np.unique(self._pair(rows), return_inverse=True)
        self._times, time = np.unique(times, return_inverse=True)
        self._keys = np.unique(pair.reshape(-1) * max(1, len(self._times)) + time.reshape(-1))

    def at(self, rows: np.ndarray, times: np.ndarray) -> np.ndarray:
        """Tell which links are true at their times: [m, 2], [m] -> [m] bool."""
        if not len(self._keys):
            return np.zeros(len(rows), bool)
        pair, known = _rank(self._pairs, self._pair(rows))
        time, ever = _rank(self._times, times)
        _, there = _rank(self._keys, pair * len(self._times) + time)
        result: np.ndarray = known & ever & there
        return result

    def _pair(self, rows: np.ndarray) -> np.ndarray:
        low, high = rows[:, 0], rows[:, -1]
        if self._either:
            low, high = np.minimum(low, high), np.maximum(low, high)
        result: np.ndarray = low * self._n + high
        return result


def _rank(values: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    position = np.minimum(np.searchsorted(values, wanted), len(values) - 1)
    return position, values[position] == wanted
