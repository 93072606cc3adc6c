"""Negative sampling: for each true link a negative edge, by what the link is and not by what it is drawn with."""

from collections.abc import Callable, Sequence

import numpy as np

from heddle.sampling.stream import branch, branches, units

_ROUNDS = 50
_LINKS = 1
"""Sets the streams of negative edges apart from those of samples with the same key."""


def negative_edges(
    links: np.ndarray,
    counts: tuple[int, int],
    is_true: Callable[[np.ndarray], np.ndarray],
    key: int,
    names: Sequence[np.ndarray],
    both: bool = False,
    refused: Callable[[np.ndarray, np.ndarray], np.ndarray] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return negative edges and where they are: ([n, c] links with an end drawn again, [n] bool).

    An end is drawn again until the link is false; the bool is False where no such link was found.

    Args:
        links: [n, c] int64, senders in the first column and receivers in the last.
        counts: nodes that may be senders, and receivers.
        is_true: [m, c] -> [m] bool, which links to draw again.
        key: one for each epoch.
        names: words [n] that identify the links: equal words and key give the same negative edge in any batch.
        both: draw both ends again; otherwise one of them, each with probability 1/2.
        refused: (links [m, c], positions [m] among `links`) -> [m] bool, which others to draw again, e.g. since an end
            was not there yet.
    """
    drawn_links, is_false = links.copy(), np.ones(len(links), bool)
    streams, open_ = branches(branch(key, _LINKS), *names), np.arange(len(links))
    for round_ in range(_ROUNDS):
        if not len(open_):
            break
        coin, sender, receiver = (units(branches(streams[open_], round_, draw)) for draw in range(3))
        rows = links[open_]
        for column, other, drawn, count in (
            (0, coin < 0.5, sender, counts[0]),
            (-1, coin >= 0.5, receiver, counts[1]),
        ):
            anew = (drawn * count).astype(np.int64)
            rows[:, column] = np.where(other | both, anew, rows[:, column])
        drawn_links[open_] = rows
        again = is_true(rows)
        if refused is not None:
            again |= refused(rows, open_)
        open_ = open_[again]
    is_false[open_] = False
    return drawn_links, is_false
