"""What it costs `heddle serve` to append rows durably, and how soon it is back after a crash: wrk over loopback.

    python benchmarks/serve_appends.py                # 1M nodes, 20M timed edges, made by benchmarks/serve.py or here
    python benchmarks/serve_appends.py --size 20000:400000

Every row is on disk (fdatasync of the log) before it is acknowledged; those that wait together share a sync. The server
is killed with SIGKILL and started again; the gate is that all appends that it had acknowledged are there.
"""

import argparse
import http.client
import json
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from serve import fresh_bundle, load, serving
from serve_graph import make, rows

ROOM = "serve.room_entries=40000000", "serve.compact_at=0.9", "serve.concurrency=256"


def gauge(port: int, name: str) -> int:
    """Return a number of /metrics."""
    link = http.client.HTTPConnection("127.0.0.1", port)
    link.request("GET", "/metrics")
    lines = link.getresponse().read().decode().splitlines()
    return int(float(next(line.split()[-1] for line in lines if line.startswith(name + " "))))


def main() -> None:
    """Print rows a second, rows a sync and the time of a restart."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", default="1000000:20000000")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "heddle-serve")
    parser.add_argument("--seconds", type=int, default=5)
    options = parser.parse_args()
    nodes, edges = map(int, options.size.split(":"))
    root = options.folder / options.size.replace(":", "-")
    if not (root / "bundle" / "bundle.json").exists():
        make(root, nodes, edges)
    counts, rng = {"card": nodes - nodes // 10, "shop": nodes // 10}, np.random.default_rng(2)
    print(f"{nodes} nodes, {edges} edges, load average {os.getloadavg()[0]:.0f}")
    heads = "rows a request", "clients", "rows/s", "p50 ms", "p99 ms", "rows a sync", "us cpu a row"
    print("  ".join(heads))
    with tempfile.TemporaryDirectory(dir=root) as folder:
        bundle = fresh_bundle(root, Path(folder))
        with serving(bundle, *ROOM) as (port, pid):
            for size, clients in ((1, 1), (1, 8), (1, 64), (1024, 4)):
                bodies = root / f"appends-{size}"
                asked = [rows(rng, counts, size) for _ in range(max(4000 // size, 20))]
                bodies.write_text("".join(json.dumps({"rows": batch}) + "\n" for batch in asked))
                before = gauge(port, "heddle_live_syncs"), gauge(port, "heddle_live_entries")
                measured = load(port, pid, bodies, clients, options.seconds, "/v2/rows/payments")
                syncs = gauge(port, "heddle_live_syncs") - before[0]
                appended = (gauge(port, "heddle_live_entries") - before[1]) // 2
                cells = (
                    f"{size}",
                    f"{clients}",
                    f"{measured['rate'] * size:.0f}",
                    f"{measured['p50']:.2f}",
                    f"{measured['p99']:.2f}",
                    f"{appended / syncs:.1f}",
                    f"{measured['cpu'] / size:.1f}",
                )
                print("  ".join(cell.rjust(len(head)) for cell, head in zip(cells, heads)), flush=True)
            acknowledged = gauge(port, "heddle_live_appends")
        started = time.perf_counter()
        with serving(bundle, *ROOM) as (port, _):
            took = time.perf_counter() - started
            after = gauge(port, "heddle_live_appends")
            entries = gauge(port, "heddle_live_entries")
            assert after >= acknowledged, f"{acknowledged} appends were acknowledged, {after} are there"
            print(
                f"\nkilled and started again in {took:.1f} s, all {acknowledged} appends there, {entries} entries"
            )


if __name__ == "__main__":
    main()
