"""Appends payments to a live graph until it is killed, and says which are on disk: python appender.py LIVE SEED."""

import sys
import threading
from pathlib import Path

import numpy as np

from heddle.serving.live import Append, LiveGraph, NewEdges

PAYS = ("card", "pays", "shop")


def main() -> None:
    """Append pairs from two threads, compact now and then; print a line for each pair that was acknowledged."""
    root, seed = Path(sys.argv[1]), int(sys.argv[2])
    live, said = LiveGraph(root), threading.Lock()

    def append(worker: int) -> None:
        number = 1000 * (10 * seed + worker)
        while True:
            number += 1
            keys = np.array([number, -number])  # seen together or not at all
            edges = NewEdges(keys, np.array([number % 8, number % 8]), np.array([number, number]))
            live.append(Append({}, {PAYS: edges}))
            with said:
                sys.stdout.write(f"{number}\n")
                sys.stdout.flush()

    def compact() -> None:
        while True:
            live.compact()

    threads = [threading.Thread(target=append, args=(at,), daemon=True) for at in range(2)]
    threads.append(threading.Thread(target=compact, daemon=True))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
