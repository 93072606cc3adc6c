"""processes: combinations that two processes train together, each on batches of its own.

python -m heddle.testing.products.processes ORDER RANK is one of the two; `train_together` starts both.
"""

import json
import socket
import subprocess
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from heddle.engines.launch import Launch
from heddle.isolated import child_environment, python_module
from heddle.testing.products.combination import Combination, Model

WAIT = 600.0
"""Seconds for all combinations together."""


def train_together(backend: str, models: Sequence[Model], wanted: Sequence[Combination]) -> dict[str, str]:
    """Train combinations in two processes; return the name of each that failed, and how.

    Args:
        backend: an installed engine's name, which the processes build with its defaults.
    """
    with TemporaryDirectory(prefix="heddle-") as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        order = {
            "backend": backend,
            "coordinator": f"127.0.0.1:{probe.getsockname()[1]}",
            "models": [model._asdict() for model in models],
            "combinations": wanted,
        }
        probe.close()
        path = Path(folder) / "order.json"
        path.write_text(json.dumps(order), encoding="utf-8")
        arguments = python_module("heddle.testing.products.processes", str(path))
        children = [
            subprocess.Popen(
                [*arguments, str(rank)], env=child_environment(), stderr=subprocess.PIPE, text=True
            )
            for rank in (0, 1)
        ]
        try:
            errors = [child.communicate(timeout=WAIT)[1] for child in children]
        finally:
            for child in children:
                child.kill()
        reports = []
        for rank, (child, error) in enumerate(zip(children, errors)):
            report = Path(folder) / f"{rank}.json"
            if not report.exists():
                return {"process": f"process {rank} ended with {child.returncode}: {error[-2000:]}"}
            reports.append(json.loads(report.read_text(encoding="utf-8")))
    failed = {name: message for report in reports for name, message in report["failed"].items()}
    first, second = (report["sums"] for report in reports)
    for name in set(first) & set(second):
        if not np.allclose(first[name], second[name], rtol=1e-5):
            failed[name] = "the two processes ended with other weights"
    return failed


def main(order: str, rank: str) -> int:
    """Train each combination as the process `rank` of two; leave what came of it in the order's folder."""
    from heddle.engines.plugins import load_plugins
    from heddle.options import build
    from heddle.testing.products.draw import Products
    from heddle.testing.products.prove import config_of, prove

    task = json.loads(Path(order).read_text(encoding="utf-8"))
    registry, name = load_plugins(), task["backend"]
    backend = registry.backend(build(registry.options("backend", name), {"name": name}, "backend"))
    products = Products(backend, [Model(**model) for model in task["models"]])
    launch = Launch(devices=2, rank=int(rank), coordinator=task["coordinator"])
    failed, sums = {}, {}
    for row in task["combinations"]:
        of = Combination(*row)
        config = config_of(of, products.models[of.model], products.registry, name, launch)
        try:
            with TemporaryDirectory(prefix="heddle-") as folder:
                parts, state = prove(config, products.registry, Path(folder))
            arrays = parts.program.to_arrays(state)
            sums[str(of)] = float(sum(np.abs(value).sum() for value in arrays.values()))
        except Exception:
            failed[str(of)] = traceback.format_exc()[-2000:]
            break  # the other process waits for this one
    report = {"failed": failed, "sums": sums}
    (Path(order).parent / f"{rank}.json").write_text(json.dumps(report), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
