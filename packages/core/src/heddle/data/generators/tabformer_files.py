"""write_tabformer: synthetic card transactions in TabFormer's 15 columns, with fraud that a graph helps to find."""

from pathlib import Path
from typing import Any

import numpy as np

from heddle.atomic import write_atomically
from heddle.data.generators.card_world import CARDS, TASTES, World, make_world, stolen_rows
from heddle.extras import require

COLUMNS = (
    "User",
    "Card",
    "Year",
    "Month",
    "Day",
    "Time",
    "Amount",
    "Use Chip",
    "Merchant Name",
    "Merchant City",
    "Merchant State",
    "Zip",
    "MCC",
    "Errors?",
    "Is Fraud?",
)
CHUNK = 250_000
"""Rows made at a time."""

CHIP = ("Swipe Transaction", "Chip Transaction", "Online Transaction")
ERRORS = ("", "Insufficient Balance,", "Bad PIN,", "Technical Glitch,", "Bad PIN,Insufficient Balance,")
STATES = ("CA", "NY", "TX", "FL", "OH", "IL", "PA", "MI", "GA", "WA", "Italy", "Mexico")


def write_tabformer(
    folder: str | Path,
    rows: int = 20_000,
    users: int = 100,
    merchants: int = 500,
    fraud: float = 0.01,
    months: int = 24,
    seed: int = 0,
) -> Path:
    """Write card_transaction.csv into a folder, user after user, and return its path; memory doesn't grow with rows.

    Users buy at merchants of their taste. Cards are stolen at a time each, and a ring pays with them for days, at a few
    merchants, which honest cards pay too and which the ring leaves for others after some weeks; a fifth of the
    merchants are successors of others that closed. So nobody is a fraud by name, over all months. Fraud tends to
    larger amounts, to the night and to online use, weakly: what happened lately around a card and a merchant tells more
    than a row does. TabFormer itself has 24.4M rows of 2000 users.

    Args:
        rows, users, merchants: how many.
        fraud: share of fraudulent rows.
        months: that the rows are spread over, from January 2018 on.
        seed: decides every cell.
    """
    path = Path(folder).expanduser() / "card_transaction.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    pl = require("polars", "etl")
    days = max(1, months * 365 // 12)
    world = make_world(np.random.default_rng([seed, 0]), users, merchants, days)
    bounds = np.arange(users + 1) * rows // users
    per_chunk = max(1, CHUNK * users // max(rows, 1))

    def write(temporary: Path) -> None:
        with open(temporary, "wb") as stream:
            for first in range(0, users, per_chunk):
                last = min(first + per_chunk, users)
                counts = np.diff(bounds[first : last + 1])
                rng = np.random.default_rng([seed, 1, first])
                table = _rows(pl, rng, world, np.repeat(np.arange(first, last), counts), fraud, days)
                table.write_csv(stream, include_header=first == 0)

    write_atomically(path, write)
    return path


def _rows(pl: Any, rng: np.random.Generator, world: World, user: np.ndarray, fraud: float, days: int) -> Any:
    """Return the transactions of a run of users as a frame of text and numbers, by user and time."""
    n = len(user)
    card, hour = rng.integers(CARDS, size=n), np.clip(rng.normal(14, 5, size=n), 0, 23.99)
    day = rng.integers(days, size=n)
    wanted = np.where(rng.random(n) < 0.9, world.home[user], rng.integers(TASTES, size=n))
    slot = world.bought(rng, wanted)
    stolen = stolen_rows(rng, user, fraud, days)
    bad = np.zeros(n, bool)
    bad[stolen.rows], card[stolen.rows], day[stolen.rows] = True, stolen.card, stolen.day
    slot[stolen.rows] = world.ring_at(rng, stolen.day)
    merchant = world.merchant(slot, day)
    night = bad & (rng.random(n) < 0.3)
    minute = (np.where(night, rng.random(n) * 6, hour) * 60).astype(np.int64)
    moment = day * 1440 + minute
    cents = (100 * rng.lognormal(3.5, 1.0, size=n) * np.where(bad, 1.6, 1.0)).astype(np.int64) + 1
    refund = (rng.random(n) < 0.02) & ~bad
    online = rng.random(n) < np.where(bad, 0.3, 0.12)
    chip = np.where(online, 2, rng.integers(2, size=n))
    error = np.where(rng.random(n) < 0.016, rng.integers(1, len(ERRORS), size=n), 0)
    order = np.lexsort((moment, user))
    city, zips = world.city[merchant], 10000 + 137 * world.city[merchant]
    frame = pl.DataFrame(
        {
            "user": user,
            "card": card,
            "date": np.datetime64("2018-01-01", "D") + day,
            "minute": minute,
            "cents": cents,
            "refund": refund,
            "chip": chip,
            "merchant": world.names[merchant],
            "city": city,
            "online": online,
            "zip": zips,
            "mcc": 3000 + 61 * world.mcc[merchant],
            "error": error,
            "bad": bad,
        }
    )[order]
    col = pl.col

    def two(expression: pl.Expr) -> pl.Expr:
        return expression.cast(pl.String).str.zfill(2)

    def named(column: str, names: Any) -> Any:
        return col(column).replace_strict(dict(enumerate(names)), return_dtype=pl.String)

    at_home = pl.when(~col("online"))
    amount = pl.format(
        "${}{}.{}",
        pl.when("refund").then(pl.lit("-")).otherwise(pl.lit("")),
        col("cents") // 100,
        two(col("cents") % 100),
    )
    return frame.select(
        col("user"),
        col("card"),
        col("date").dt.year(),
        col("date").dt.month().alias("month"),
        col("date").dt.day().alias("day"),
        pl.format("{}:{}", two(col("minute") // 60), two(col("minute") % 60)).alias("time"),
        amount.alias("amount"),
        named("chip", CHIP).alias("chip"),
        col("merchant"),
        at_home.then(pl.format("City {}", col("city"))).otherwise(pl.lit("ONLINE")).alias("city"),
        at_home.then(
            (col("city") % len(STATES)).replace_strict(dict(enumerate(STATES)), return_dtype=pl.String)
        ).alias("state"),
        at_home.then(pl.format("{}.0", col("zip"))).alias("zip"),
        col("mcc"),
        named("error", (None, *ERRORS[1:])).alias("errors"),
        pl.when("bad").then(pl.lit("Yes")).otherwise(pl.lit("No")).alias("fraud"),
    ).rename(
        dict(
            zip(
                (
                    "user",
                    "card",
                    "date",
                    "month",
                    "day",
                    "time",
                    "amount",
                    "chip",
                    "merchant",
                    "city",
                    "state",
                    "zip",
                    "mcc",
                    "errors",
                    "fraud",
                ),
                COLUMNS,
            )
        )
    )
