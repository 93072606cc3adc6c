"""What one request of `heddle serve` costs: raw rows as JSON over loopback, by wrk (Debian's package of that name).

    python benchmarks/serve.py                        # 20k nodes, 400k edges; then 1M nodes, 20M timed edges: 3 GB
    python benchmarks/serve.py --sizes 20000:400000

A row of a payments table goes in; its encoders, the neighbourhoods of its card and shop as of its time ([15, 10],
both ways), an R-GCN of two layers of 64 that reads features of nodes and edges, an MLP of both ends and the row's
columns, calibration and the rows that were used come out. One server process; wrk shares its cores.

Nothing is timed before the gate is green: 200 rows' scores over HTTP, one by one, are bit for bit those that the
offline scorer gives the same rows in one batch on the prepared folder, and 1e-5 from those of plain numpy.
"""

import argparse
import contextlib
import http.client
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from serve_graph import make, rows

import heddle
from heddle.engines.plugins import load_plugins
from heddle.serving.bundle.bundle import Bundle
from heddle.serving.live import create

SCRIPT = """
local bodies, i = {}, 0
for line in io.lines(os.getenv("BODIES")) do bodies[#bodies + 1] = line end
request = function() i = i % #bodies + 1; return wrk.format("POST", os.getenv("ROUTE"), nil, bodies[i]) end
done = function(summary, latency, requests)
  local bad = summary.errors.status + summary.errors.read + summary.errors.timeout
  print("RESULT " .. latency:percentile(50) .. " " .. latency:percentile(90) .. " " .. latency:percentile(99) .. " "
        .. summary.requests .. " " .. summary.duration .. " " .. bad)
end
"""
TICKS = os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def serving(bundle: Path, *overrides: str) -> Iterator[tuple[int, int]]:
    """Give (port, process) of `heddle serve` of a bundle."""
    with subprocess.Popen(
        [sys.executable, "-m", "heddle", "serve", f"bundle={bundle}", "serve.port=0", *overrides],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline().rpartition(":")[2])
            yield port, process.pid
        finally:
            process.kill()  # as a crash does: what was acknowledged has to be there


def fresh_bundle(root: Path, folder: Path) -> Path:
    """Make `folder` a bundle of the same model with a live graph of its own, and return it."""
    for name in ("bundle.json", "weights.safetensors"):
        (folder / name).symlink_to(root / "bundle" / name)
    create(folder / "live", root / "prepared")
    return folder


def ask(link: http.client.HTTPConnection, asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the scores of rows in one request."""
    link.request("POST", "/v2/score", json.dumps({"rows": asked}))
    answer = json.loads(link.getresponse().read())
    assert "scores" in answer, answer
    measured: list[dict[str, Any]] = answer["scores"]
    return measured


def gate(root: Path, port: int, asked: list[dict[str, Any]]) -> float:
    """Compare a server's scores with those of a batch offline; return the largest distance from the formulas' own."""
    link = http.client.HTTPConnection("127.0.0.1", port)
    online = np.array([ask(link, [row])[0]["outputs"] for row in asked])
    with (
        tempfile.TemporaryDirectory(dir=root) as other,
        Bundle(fresh_bundle(root, Path(other)), load_plugins()) as bundle,
    ):
        offline = np.array([score.outputs for score in bundle.score(bundle.rows(asked))])
        bundle.scorer.embedders.make = None  # no kernel
        by_formulas = np.array([score.outputs for score in bundle.score(bundle.rows(asked))])
    assert online.std(axis=0).min() > 1e-3 and np.array_equal(online, offline), (
        "scores differ from the offline ones"
    )
    return float(np.abs(online - by_formulas).max())


def cpu(pid: int) -> float:
    """Return the seconds of CPU that a process took."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def load(
    port: int, pid: int, bodies: Path, clients: int, seconds: int, route: str = "/v2/score"
) -> dict[str, float]:
    """Return what wrk measured: milliseconds, requests a second, microseconds of the server's CPU a request."""
    script = bodies.with_suffix(".lua")
    script.write_text(SCRIPT)
    before = cpu(pid)
    done = subprocess.run(
        ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "-s", str(script), f"http://127.0.0.1:{port}"],
        env={**os.environ, "BODIES": str(bodies), "ROUTE": route},
        capture_output=True,
        text=True,
        check=True,
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT"))
    p50, p90, p99, requests, duration, bad = map(float, line.split()[1:])
    assert not bad, done.stdout
    return {
        "p50": p50 / 1e3,
        "p90": p90 / 1e3,
        "p99": p99 / 1e3,
        "rate": requests / duration * 1e6,
        "cpu": (cpu(pid) - before) / requests * 1e6,
    }


def main() -> None:
    """Print the results of each size of graph."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", nargs="+", default=["20000:400000", "1000000:20000000"])
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "heddle-serve")
    parser.add_argument("--seconds", type=int, default=10)
    options = parser.parse_args()
    load_average = f"load average {os.getloadavg()[0]:.0f}"
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {load_average}")
    print(f"heddle {heddle.__version__}")
    print(
        "R-GCN, 2 layers of 64, fanouts [15, 10], 64 features a node, 14 columns and a code an edge; a row a request\n"
    )
    print(
        f"{'nodes':>8} {'edges':>9} {'clients':>7} {'p50 ms':>7} {'p90 ms':>7} {'p99 ms':>7} {'req/s':>7} {'us cpu':>7}"
    )
    by_size = []
    for size in options.sizes:
        nodes, edges = map(int, size.split(":"))
        root = options.folder / size.replace(":", "-")
        if not (root / "bundle" / "bundle.json").exists():
            make(root, nodes, edges)
        asked = rows(np.random.default_rng(1), {"card": nodes - nodes // 10, "shop": nodes // 10}, 4000)
        bodies = root / "bodies"
        bodies.write_text("".join(json.dumps({"rows": [row]}) + "\n" for row in asked))
        with serving(root / "bundle") as (port, pid):
            apart = gate(root, port, asked[:200])
            load(port, pid, bodies, 8, 3)
            for clients in (1, 8):
                measured = load(port, pid, bodies, clients, options.seconds)
                print(
                    f"{nodes:8} {edges:9} {clients:7} {measured['p50']:7.3f} {measured['p90']:7.3f} "
                    f"{measured['p99']:7.3f} {measured['rate']:7.0f} {measured['cpu']:7.0f}",
                    flush=True,
                )
            by_size.append(measured["cpu"])
    print(f"\nthe gate is green; the formulas' own scores are {apart:.0e} apart")
    if len(by_size) > 1:
        print(f"CPU of a request on the last graph over that on the first: {by_size[-1] / by_size[0]:.2f}")


if __name__ == "__main__":
    started = time.perf_counter()
    main()
    print(f"{time.perf_counter() - started:.0f} s")
