"""integrate: integrated gradients of a Network along the straight path from inputs of zeros, exact where it is small.

Along the path all z of the first level are straight lines, so each unit is on for one known stretch. Above it z are
piecewise linear: with the points where units switch as a grid, gradients are constant between two points, and the
integral is a sum. Where that grid would be too large, an even one is taken and the gap tells what it costs.

Source: Sundararajan et al., Axiomatic Attribution for Deep Networks (2017), eq. 1; the sums in place of steps are ours.
"""

from typing import NamedTuple

import numpy as np

from heddle.serving.reasons.network import Feed, Flow, Network

MOST = 1 << 22
"""Values of the second level over all points, up to which the grid is exact."""
EVEN = 256
"""Stretches of an even grid."""


class Integrated(NamedTuple):
    """What moved a score.

    Attributes:
        score, baseline: at the inputs, and where they are all 0.
        feeds: by level, for each of its feeds [n, in]: what each input brought; of a `whole` one [n, 1].
        carried: by level, for each of its feeds and then its links with a `hop` [e]: what came along each edge.
        exact: whether nothing was rounded but numbers.
    """

    score: float
    baseline: float
    feeds: tuple[tuple[np.ndarray, ...], ...]
    carried: tuple[tuple[np.ndarray, ...], ...]
    exact: bool

    @property
    def gap(self) -> float:
        """What the contributions lack of the difference between score and baseline."""
        return self.score - self.baseline - sum(float(of.sum()) for level in self.feeds for of in level)


class _Grid(NamedTuple):
    """Points along the path, and z of every level from the second on at each: target -> [points, rows, columns]."""

    points: np.ndarray
    z: list[dict[str, np.ndarray]]
    exact: bool


def integrate(network: Network) -> Integrated:
    """Return the integrated gradients of a network's score; they add up to score less baseline, less the gap."""
    lines, biases = _first(network)
    stretches = {name: _stretches(lines[name], biases[name], network.levels[0].relu) for name in lines}
    by_level = _gradients(network, lines, stretches)
    feeds, carried = [], []
    for number, level in enumerate(network.levels):
        integral = by_level.integrals[number]
        feeds.append(tuple(_brought(feed, integral[feed.flow.target]) for feed in level.feeds))
        along = [_along(feed, integral[feed.flow.target]) for feed in level.feeds if feed.hop is not None]
        carried.append((*along, *by_level.links[number]))
    return Integrated(*by_level.scores, tuple(feeds), tuple(carried), by_level.exact)


class _ByLevel(NamedTuple):
    """Integrals of the gradient by z, by level and target; what came along links with a hop; score and baseline."""

    integrals: list[dict[str, np.ndarray]]
    links: list[list[np.ndarray]]
    scores: tuple[float, float]
    exact: bool


def _first(network: Network) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return slope and intercept of each unit of the first level: target -> [rows, columns]."""
    entering, slopes, intercepts = network.entering[0], {}, {}
    for name, size in network.levels[0].sizes.items():
        slopes[name] = entering.get(name, np.zeros(size))
        intercepts[name] = np.zeros(size) + network.levels[0].biases.get(name, 0.0)
    return slopes, intercepts


def _stretches(slope: np.ndarray, intercept: np.ndarray, relu: bool) -> np.ndarray:
    """Return where on the path each unit is on: [2, rows, columns], from and to."""
    if not relu:
        return np.stack([np.zeros_like(slope), np.ones_like(slope)])
    end = slope + intercept
    crossing = np.divide(-intercept, slope, out=np.zeros_like(slope), where=slope != 0).clip(0.0, 1.0)
    begin_on, end_on = intercept > 0, end > 0
    start = np.where(begin_on, 0.0, crossing)
    stop = np.where(end_on, 1.0, crossing)
    never = ~begin_on & ~end_on
    return np.stack([np.where(never, 0.0, start), np.where(never, 0.0, stop)])


def _gradients(network: Network, slopes: dict[str, np.ndarray], stretches: dict[str, np.ndarray]) -> _ByLevel:
    levels = network.levels
    top = {name: np.array(of, np.float64) for name, of in network.top.items()}
    if len(levels) == 1:
        ends = network.score(network.last(1.0)), network.score(network.last(0.0))
        return _ByLevel([top], [[]], ends, True)
    if any(level.relu for level in levels[1:-1]):
        grid = _refined(network, slopes, stretches)
    else:  # gradients by the second level are the same all the way
        whole = np.array([0.0, 1.0])
        grid = _Grid(whole, _above(network, whole, _second(network, whole, slopes, stretches)), True)
    middles = (grid.points[1:] + grid.points[:-1]) / 2
    lengths = np.diff(grid.points)
    z = [{name: (of[1:] + of[:-1]) / 2 for name, of in level.items()} for level in grid.z]
    if not grid.exact:
        z = _above(network, middles, z[0])
    integrals: list[dict[str, np.ndarray]] = [{} for _ in levels]
    links: list[list[np.ndarray]] = [[] for _ in levels]
    gradient = {name: np.broadcast_to(of, (len(middles), *of.shape)) for name, of in top.items()}
    for number in range(len(levels) - 1, 0, -1):
        integrals[number] = {name: np.tensordot(lengths, of, 1) for name, of in gradient.items()}
        if number > 1:
            risen = {name: _on(of, levels[number - 1].relu) for name, of in grid.z[number - 2].items()}
            for link in levels[number].links:
                if link.hop is not None:
                    steps = np.diff(risen[link.source], axis=0)
                    links[number].append(_stepped(link.flow, steps, gradient[link.flow.target]))
            gradient = network.sink(number, gradient, z[number - 2])
    running = {
        name: np.concatenate([np.zeros((1, *of.shape[1:])), np.cumsum(lengths[:, None, None] * of, axis=0)])
        for name, of in gradient.items()
    }
    integrals[0] = {name: np.zeros(size) for name, size in levels[0].sizes.items()}
    for link in levels[1].links:
        parts = _of_stretches(link.flow, stretches[link.source], grid, running[link.flow.target])
        np.add.at(integrals[0][link.source], link.flow.senders, parts)
        if link.hop is not None:
            links[1].append((parts * slopes[link.source][link.flow.senders]).sum(axis=1))
    begin, end = ({name: of[at] for name, of in grid.z[-1].items()} for at in (0, -1))
    return _ByLevel(integrals, links, (network.score(end), network.score(begin)), grid.exact)


def _refined(network: Network, slopes: dict[str, np.ndarray], stretches: dict[str, np.ndarray]) -> _Grid:
    """Return a grid of all points at which some unit switches, or an even one."""
    inner = [of[(of > 0) & (of < 1)] for of in stretches.values()]
    points = np.unique(np.concatenate([[0.0, 1.0], *inner]))
    size = sum(rows * columns for rows, columns in network.levels[1].sizes.values())
    exact = len(points) * size <= MOST
    if not exact:
        points = np.linspace(0.0, 1.0, EVEN + 1)
    second = _second(network, points, slopes, stretches)
    z = _above(network, points, second)
    for number in range(1, len(network.levels) - 1):
        if not exact or not network.levels[number].relu:
            continue
        more = np.concatenate([_crossings(points, of) for of in z[number - 1].values()])
        finer = np.union1d(points, more)
        if len(finer) * size > MOST:
            exact = False
            continue
        second = {name: _between(points, of, finer) for name, of in second.items()}
        points, z = finer, _above(network, finer, second)
    return _Grid(points, z, exact)


def _second(
    network: Network, points: np.ndarray, slopes: dict[str, np.ndarray], stretches: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Return the second level's z at points: each unit adds its line from where it goes on to where it goes off."""
    z, biases = network.inputs(1, points), network.levels[0].biases
    for name, (rows, columns) in network.levels[1].sizes.items():
        for row in range(rows):
            moments, lines = [np.zeros(1)], [np.zeros((1, 2, columns))]
            for link in network.levels[1].links:
                flow, slope = link.flow, slopes[link.source]
                if flow.target != name:
                    continue
                intercept = np.zeros(slope.shape[1]) + biases.get(link.source, 0.0)
                for e in np.flatnonzero(flow.receivers == row):
                    start, stop = stretches[link.source][:, flow.senders[e]]
                    both = np.stack([slope[flow.senders[e]], intercept], axis=1)
                    line = flow.share[e] * both[:, :, None] * flow.weight[:, None, :]  # [in, 2, out]
                    on, off = start < stop, (start < stop) & (stop < 1)
                    moments += [start[on], stop[off]]
                    lines += [line[on], -line[off]]
            moment = np.concatenate(moments)
            order = np.argsort(moment, kind="stable")
            sums = np.concatenate(lines)[order].cumsum(axis=0)
            at = np.searchsorted(moment[order], points, "right") - 1
            z[name][:, row] += points[:, None] * sums[at, 0] + sums[at, 1]
    return z


def _above(
    network: Network, points: np.ndarray, second: dict[str, np.ndarray]
) -> list[dict[str, np.ndarray]]:
    """Return z at points of the second level and of each above it."""
    z = [second]
    for number in range(2, len(network.levels)):
        z.append(network.rise(number, points, z[-1]))
    return z


def _crossings(points: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return where lines between neighbouring points cross zero."""
    before, after = z[:-1], z[1:]
    crosses = (before > 0) != (after > 0)
    at = np.nonzero(crosses)
    share = before[at] / (before[at] - after[at])
    crossing: np.ndarray = points[at[0]] + share * np.diff(points)[at[0]]
    return crossing


def _between(points: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return values [points, ...] at wanted points, on straight lines."""
    at = np.clip(np.searchsorted(points, wanted, "right") - 1, 0, len(points) - 2)
    share = ((wanted - points[at]) / (points[at + 1] - points[at])).reshape(-1, *[1] * (values.ndim - 1))
    between: np.ndarray = values[at] + share * (values[at + 1] - values[at])
    return between


def _of_stretches(flow: Flow, stretches: np.ndarray, grid: _Grid, running: np.ndarray) -> np.ndarray:
    """Return [e, in]: the integral of the gradient by each sender's units, by what goes along each edge alone.

    Args:
        running: [points, receivers, out], the integral up to each point of the gradient by the receivers.
    """
    parts = np.empty((len(flow.senders), flow.weight.shape[0]))
    places = np.searchsorted(grid.points, stretches)
    held = bool(
        (grid.points[places] == stretches).all()
    )  # as they are where there is a point for each switch
    for e, (sender, receiver, share) in enumerate(zip(flow.senders, flow.receivers, flow.share)):
        of = running[:, receiver]
        if held:
            start, stop = of[places[0, sender]], of[places[1, sender]]
        else:
            start, stop = (_between(grid.points, of, each) for each in stretches[:, sender])
        parts[e] = share * np.einsum("io,io->i", stop - start, flow.weight)
    return parts


def _stepped(flow: Flow, steps: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Return [e]: what senders' steps between points [stretches, senders, in] brought along each edge."""
    back = gradient @ flow.weight.T
    return np.array(
        [
            share * float((steps[:, sender] * back[:, receiver]).sum())
            for sender, receiver, share in zip(flow.senders, flow.receivers, flow.share)
        ]
    )


def _on(z: np.ndarray, relu: bool) -> np.ndarray:
    return np.maximum(z, 0.0) if relu else z


def _brought(feed: Feed, integral: np.ndarray) -> np.ndarray:
    brought = feed.values * feed.flow.back(integral, len(feed.values))
    result: np.ndarray = brought.sum(axis=1, keepdims=True) if feed.whole else brought
    return result


def _along(feed: Feed, integral: np.ndarray) -> np.ndarray:
    flow = feed.flow
    back = integral @ flow.weight.T
    result: np.ndarray = flow.share * (feed.values[flow.senders] * back[flow.receivers]).sum(axis=1)
    return result
