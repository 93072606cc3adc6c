"""python -m heddle.testing.products --backend NAME [--strength 2]: prove an engine, and count."""

import argparse
import logging
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any

from heddle.engines.plugins import load_plugins
from heddle.options import build
from heddle.testing.products.combination import Combination
from heddle.testing.products.draw import Products
from heddle.testing.products.processes import train_together
from heddle.testing.products.registry import native_models


def main(arguments: list[str]) -> int:
    """Prove what is drawn, print a line for each fault and the counts; return how many faults there are."""
    parser = argparse.ArgumentParser(prog="python -m heddle.testing.products", description=__doc__)
    parser.add_argument("--backend", required=True, metavar="NAME", help="an installed engine")
    parser.add_argument("--strength", type=int, default=2, choices=range(4), help="0: the whole product")
    parsed = parser.parse_args(arguments)
    logging.disable(logging.WARNING)
    registry = load_plugins()
    options: Any = build(registry.options("backend", parsed.backend), {"name": parsed.backend}, "backend")
    products = Products(registry.backend(options), native_models(registry, parsed.backend))
    drawn, started = products.draw(parsed.strength), time.process_time()
    counts: Counter[str] = Counter()

    def attempt(of: Combination, what: str, check: Callable[[], None]) -> None:
        try:
            with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
                check()
            counts[what] += 1
        except Exception as error:
            counts["failed"] += 1
            print(f"{of}: {type(error).__name__}: {' '.join(str(error).split())[:600]}", flush=True)

    together = [of for of in drawn.trained if of.in_processes]
    for of in drawn.trained:
        if not of.in_processes:
            attempt(of, "trained in one process", lambda of=of: products.prove(of))  # type: ignore[misc]
    for of, sentence in drawn.refused:
        attempt(of, "refused", lambda of=of, sentence=sentence: products.refuse(of, sentence))  # type: ignore[misc]
    if together:
        failed = train_together(parsed.backend, list(products.models.values()), together)
        for name, why in failed.items():
            print(f"{name}: {why}")
        counts["failed"] += len(failed)
        counts["trained by two processes"] += len(together) - len(failed)
    every, trained, refused = drawn.counts
    print(f"{parsed.backend}: {every} combinations, of which {trained} train and {refused} are refused")
    drew = f"{len(drawn.trained)} and {len(drawn.refused)}"
    how = {0: "all", 1: "every level", 2: "every pair", 3: "every triple"}[parsed.strength]
    print(f"drawn, {how}: {drew}; " + ", ".join(f"{what} {count}" for what, count in sorted(counts.items())))
    print(f"CPU seconds of this process: {time.process_time() - started:.0f}")
    return counts["failed"]


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 100))
