"""Small prepared folders for tests of live graphs: cards that pay shops, with times, and the same with later rows."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from heddle.data.prepared.write import FolderTask, FolderWriter, csc
from heddle.serving.live import Append, NewEdges, NewNodes

PAYS, PAID = ("card", "pays", "shop"), ("shop", "rev_pays", "card")


class Rows(NamedTuple):
    """Payments by row: numbers of cards and shops (by first arrival after the folder's own), and times."""

    card: np.ndarray
    shop: np.ndarray
    time: np.ndarray


def payments(seed: int, n: int, cards: int, shops: int, first: int = 0) -> Rows:
    """Return n payments whose times rise, with some late ones."""
    rng = np.random.default_rng(seed)
    time = first + np.sort(rng.integers(0, n, n))
    late = rng.random(n) < 0.1
    time[late] -= rng.integers(0, n // 2 + 1, int(late.sum()))
    return Rows(rng.integers(0, cards, n), rng.integers(0, shops, n), np.maximum(time, 0))


def write(root: Path, rows: Rows, cards: int, shops: int, x: np.ndarray, text: bool = False) -> Path:
    """Write a prepared folder of cards with features and shops without; keys are 10 * number, or text."""
    writer = FolderWriter(root, "cards")
    names = [f"{10 * i:09d}" for i in range(cards)] if text else list(range(0, 10 * cards, 10))
    writer.nodes("card", cards, ids=names, features={"x": x[:cards]})
    writer.nodes("shop", shops, ids=list(range(shops)))
    ends = np.stack([rows.card, rows.shop], axis=1)
    amount = np.arange(2.0 * len(ends), dtype=np.float32).reshape(-1, 2)
    writer.edges(
        PAYS,
        len(ends),
        features={"amount": amount},
        time=rows.time,
        by_time=True,
        **csc(ends, cards, shops, rows.time),
    )
    writer.edges(
        PAID,
        len(ends),
        time=rows.time,
        by_time=True,
        rows_of=PAYS,
        **csc(ends[:, ::-1], shops, cards, rows.time),
    )
    writer.finish(FolderTask())
    return root


def appends(rows: Rows, first: int, step: int, x: np.ndarray, cards: int, text: bool = False) -> list[Append]:
    """Return rows from `first` on as appends of `step`; a card past the folder's own comes with its features."""
    made, known = [], cards
    for at in range(first, len(rows.card), step):
        part = slice(at, at + step)
        card, top = rows.card[part], max(known, int(rows.card[part].max()) + 1)
        new, known = np.arange(known, top), top
        nodes = {"card": NewNodes(_keys(new, text), None, {"x": x[new]})} if len(new) else {}
        amount = np.arange(2.0 * len(rows.card), dtype=np.float32).reshape(-1, 2)[part]
        columns = _keys(card, text), rows.shop[part].astype(np.int64), rows.time[part]
        edges = {PAYS: NewEdges(*columns, {"amount": amount})}
        made.append(Append(nodes, edges))
    return made


def _keys(numbers: np.ndarray, text: bool) -> np.ndarray:
    if not text:
        return 10 * numbers
    column = np.empty(len(numbers), object)
    column[:] = [f"{10 * i:09d}" for i in numbers.tolist()]
    return column
