"""Tables to a graph: time and peak memory of `heddle data prepare` on generated transactions, each engine apart.

    python benchmarks/etl.py --rows 20000000 --memory 1GB [--engines duckdb polars] [--keep FOLDER]

Each engine runs in a process of its own, whose peak resident memory the kernel tells; the folders must be equal.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from heddle.data.generators import write_tabformer

RUN = """
import json, sys, time
from heddle.data.etl import Tabformer
src, dst, engine, memory = sys.argv[1:]
start = time.perf_counter()
Tabformer(src, dst, engine=engine, memory=memory, overwrite=True).transform()
print(json.dumps({"seconds": time.perf_counter() - start}))
"""


def measure(src: Path, dst: Path, engine: str, memory: str) -> dict[str, float]:
    """Prepare in a process of its own; return its seconds and its peak resident memory in MB."""
    command = [sys.executable, "-c", RUN, str(src), str(dst), engine, memory]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{engine}: exit status {process.returncode}")
    return {
        **json.loads(out.splitlines()[-1]),
        "peak_mb": usage.ru_maxrss * 1024 / 1e6,
        "cpu_s": usage.ru_utime + usage.ru_stime,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--memory", default="1GB")
    parser.add_argument("--engines", nargs="+", default=["duckdb", "polars"])
    parser.add_argument(
        "--keep",
        type=Path,
        help="folder for the files, which stay and are used again; default: one that goes",
    )
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        base = given.keep or Path(scratch)
        start, path = time.perf_counter(), base / "src/card_transaction.csv"
        if not path.exists():
            write_tabformer(base / "src", given.rows, users=max(10, given.rows // 500), merchants=10_000)
        made = time.perf_counter() - start
        print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
        print(", ".join(f"{name} {version(name)}" for name in ("duckdb", "polars", "pyarrow", "numpy")))
        print(f"{given.rows:,} rows, {path.stat().st_size / 1e9:.2f} GB of CSV, written in {made:.0f} s")
        folders = {}
        for engine in given.engines:
            actual = measure(base / "src", base / engine, engine, given.memory)
            print(
                f"{engine:8} {actual['seconds']:7.1f} s, {actual['cpu_s']:7.1f} s of CPU, "
                f"peak {actual['peak_mb']:6.0f} MB with etl.memory={given.memory}",
                flush=True,
            )
            folders[engine] = (base / engine / "metadata.json").read_bytes()  # with every file's checksum
        if len(folders) > 1:
            print(f"the same bytes: {len(set(folders.values())) == 1}")


if __name__ == "__main__":
    main()
