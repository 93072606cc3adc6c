"""Kills of a serving process while clients append, and what has to be there afterwards."""

import contextlib
import http.client
import json
import random
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from heddle.engines.plugins import load_plugins
from heddle.sampling.types import Fanout
from heddle.serving.live import LiveGraph
from heddle.serving.live.kernel import store_of

PAID = ("merchant", "rev_pays", "card")
CLIENTS = 8


def kill_under_load(bundle: Path, record: dict[str, str], kills: int, seed: int = 0) -> dict[str, Any]:
    """Kill `heddle serve` so many times at random moments while clients append; check the live graph after each.

    A request appends two payments of a card that nobody else has, so that half of it would be seen. Every eighth round
    the server compacts all the while.

    Returns: numbers of requests that were acknowledged and that were sent, and of rows at the end.

    Raises:
        AssertionError: an acknowledged request isn't there, or half of one is.
    """
    draw, registry = random.Random(seed), load_plugins()
    acknowledged: set[str] = set()
    sent: set[str] = set()
    slowest = 0.0
    for kill in range(kills):
        compacting = ["serve.room_entries=4000", "serve.compact_at=0.02"] if kill % 8 == 0 else []
        command = [sys.executable, "-m", "heddle", "serve", f"bundle={bundle}", "serve.port=0", *compacting]
        started = time.monotonic()
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            assert process.stdout is not None
            port = int(process.stdout.readline().rpartition(":")[2])
            slowest = max(slowest, time.monotonic() - started)
            clients = [
                threading.Thread(
                    target=_append, args=(port, record, f"{seed}-{kill}-{client}", sent, acknowledged)
                )
                for client in range(CLIENTS)
            ]
            for each in clients:
                each.start()
            time.sleep(draw.uniform(0.05, 0.6))
            process.kill()
            for each in clients:
                each.join()
        with LiveGraph(bundle / "live", store_of(registry)) as live:
            keys = sorted(sent)
            counts = dict(zip(keys, _payments(live, keys)))
        lost = [key for key in acknowledged if counts[key] != 2]
        half = [key for key, count in counts.items() if count not in (0, 2)]
        assert not lost and not half, (
            f"kill {kill}: {len(lost)} lost, {len(half)} half there: {lost[:3]} {half[:3]}"
        )
    return {"acknowledged": len(acknowledged), "sent": len(sent), "slowest_start": round(slowest, 2)}


def _append(port: int, record: dict[str, str], name: str, sent: set[str], acknowledged: set[str]) -> None:
    """Append payments of new cards until the server is gone."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as link:
        for number in range(100_000):
            user = f"crash-{name}-{number}"
            sent.add(f"{user}/0")
            row = {**record, "User": user, "Card": "0"}
            try:
                link.request("POST", "/v2/rows/transactions", json.dumps({"rows": [row, row]}))
                answer = link.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                return
            if answer.status == 200:
                acknowledged.add(f"{user}/0")


def _payments(live: LiveGraph, keys: list[str]) -> list[int]:
    """Return how many payments each card has."""
    snapshot = live.snapshot()
    names = np.empty(len(keys), object)
    names[:] = keys
    numbers = snapshot.find("card", names)
    there = numbers[numbers >= 0]
    late = np.full(len(there), 2**62)
    sample = snapshot.sample({"card": there}, Fanout({PAID: (-1,)}), 0, {"card": late})
    counts = np.zeros(len(keys), np.int64)
    counts[numbers >= 0] = np.bincount(sample.receivers[PAID], minlength=len(there))[: len(there)]
    return [int(count) for count in counts]
