"""World: merchants that open and close, users of a taste, cards that are stolen, and a ring that moves."""

from typing import NamedTuple

import numpy as np

CITIES, CODES, TASTES, CARDS = 60, 40, 20, 4
SIZE = 8
"""Fraudulent payments with a stolen card, on average."""

STAY = 45
"""Days that the ring stays with its merchants."""

SHORTEST, LONGEST = 3, 21
"""Days from a theft until the card is blocked."""


class World(NamedTuple):
    """What decides who pays whom when. A slot is a place in the market, that a merchant holds, and then its successor.

    Attributes:
        names: [merchants] int64, as TabFormer's hashed names; city, mcc: [merchants].
        order, starts: slots by taste, and where each taste starts.
        successor: [slots] the merchant that follows in a slot, itself for none.
        changes: [slots] day on which it follows.
        rings: [stays, n] slots at which stolen cards are used, from a multiple of STAY days on.
        home: [users] taste.
    """

    names: np.ndarray
    city: np.ndarray
    mcc: np.ndarray
    order: np.ndarray
    starts: np.ndarray
    successor: np.ndarray
    changes: np.ndarray
    rings: np.ndarray
    home: np.ndarray

    def bought(self, rng: np.random.Generator, taste: np.ndarray) -> np.ndarray:
        """Return [n] slots of tastes [n], the first of a taste more often."""
        width = self.starts[taste + 1] - self.starts[taste]
        popular = (rng.random(len(taste)) ** 2 * width).astype(np.int64)
        slots: np.ndarray = self.order[self.starts[taste] + popular]
        return slots

    def ring_at(self, rng: np.random.Generator, day: np.ndarray) -> np.ndarray:
        """Return [n] slots of the ring on days [n]."""
        slots: np.ndarray = self.rings[day // STAY, rng.integers(self.rings.shape[1], size=len(day))]
        return slots

    def merchant(self, slot: np.ndarray, day: np.ndarray) -> np.ndarray:
        """Return [n] merchants that hold slots [n] on days [n]."""
        return np.where(day < self.changes[slot], slot, self.successor[slot])


class Stolen(NamedTuple):
    """Fraudulent payments: [n] rows, and the card and the day of each."""

    rows: np.ndarray
    card: np.ndarray
    day: np.ndarray


def make_world(rng: np.random.Generator, users: int, merchants: int, days: int) -> World:
    """Return a world of so many merchants, at least one of each taste, a fifth of them successors of others."""
    slots = max(TASTES, merchants - merchants // 5)
    merchants = max(slots, merchants)
    names = np.unique(rng.integers(-(2**62), 2**62, size=2 * merchants))
    taste = rng.permutation(np.arange(slots) % TASTES)
    order = np.argsort(taste, kind="stable")
    successor, changes = np.arange(slots), rng.integers(days, size=slots)
    successor[rng.permutation(slots)[: merchants - slots]] = np.arange(slots, merchants)
    size = max(1, merchants // 50)
    stays = -(-days // STAY)
    return World(
        rng.permutation(names)[:merchants],
        rng.integers(CITIES, size=merchants),
        rng.integers(CODES, size=merchants),
        order,
        np.searchsorted(taste[order], np.arange(TASTES + 1)),
        successor,
        changes,
        np.stack([rng.choice(slots, size, replace=False) for _ in range(stays)]),
        rng.integers(TASTES, size=users),
    )


def stolen_rows(rng: np.random.Generator, user: np.ndarray, fraud: float, days: int) -> Stolen:
    """Return which rows are thefts' among those of a run of users, [n] ascending.

    About fraud n rows: theft after theft takes SIZE of one user's rows, more or less, with one card, within days.
    """
    counts = np.unique(user, return_counts=True)[1]
    first = np.concatenate([[0], np.cumsum(counts)])
    due = np.concatenate([[0], np.cumsum(counts * fraud / SIZE)]) + rng.random()
    victim = np.repeat(np.arange(len(counts)), np.diff(np.floor(due)).astype(np.int64))
    size = 1 + rng.poisson(SIZE - 1, size=len(victim))
    before = np.cumsum(size) - size
    taken = before - before[np.searchsorted(victim, victim)]  # rows of the same user that earlier thefts take
    size = np.clip(counts[victim] - taken, 0, size)
    of = np.repeat(np.arange(len(victim)), size)
    within = np.arange(len(of)) - np.repeat(np.cumsum(size) - size, size)
    length = rng.integers(SHORTEST, LONGEST + 1, size=len(victim))
    start = (rng.random(len(victim)) * np.maximum(days - length, 1)).astype(np.int64)
    day = np.minimum(start[of] + (rng.random(len(of)) * length[of]).astype(np.int64), days - 1)
    card = rng.integers(CARDS, size=len(victim))
    return Stolen(first[victim[of]] + taken[of] + within, card[of], day)
