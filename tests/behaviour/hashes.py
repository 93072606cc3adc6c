"""Train short runs and compare the bits of their weights and metrics with those that are recorded.

    python tests/behaviour/hashes.py                      # every run, against hashes.json; the same as --check
    python tests/behaviour/hashes.py cora-gcn jax-gcn     # some of them
    python tests/behaviour/hashes.py --list
    python tests/behaviour/hashes.py --write [NAME ...]   # record them anew: only where numbers change on purpose

A change of structure leaves the bits alone: the same configuration, data and seed give the same weights. Each run is a
process of its own with one thread, by the command line or a script of public names, so that the runs outlive moves of
modules. Exit status: 0 where all is as recorded, 1 where something differs or failed.

Recorded of each run (`hashes.json`):
    weights: SHA-256 of the sorted (name, dtype, shape, bytes) of the arrays.
    values: the same without names. Where it agrees and `weights` doesn't, parameters were renamed, no more.
    norm: of all floating-point weights together, for a first idea of how far they are apart.
    metrics: name -> value to the last digit, without times.

Bits depend on the processor's vector instructions, on the compiler of the native kernels and on the frameworks'
versions. Where one of these differs from the record, metrics are compared to 1e-6, or to what a run allows, in place of
bits, and a line says so.
"""

import argparse
import csv
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

HERE = Path(__file__).resolve().parent
RECORD = HERE / "hashes.json"
DATA = Path(os.environ.get("HEDDLE_SHARED_DATA", HERE.parents[2] / "shared" / "data"))
TOLERANCE = 1e-6
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "JAX_NUM_CPU_DEVICES": "1",
    "CUDA_VISIBLE_DEVICES": "",
    "JAX_PLATFORMS": "cpu",
}
UNTOLD = (
    "time",
    "stats",
    "seed",
    "stopped",
)  # of metrics.json: what isn't a result, or is read from the clock


class Run(NamedTuple):
    """What is run.

    Attributes:
        overrides: of `heddle train`; "{data}" stands for the folder of real datasets.
        env: variables besides ONE_THREAD.
        before: called with the folder that it runs in, to make files there.
        after: called with that folder; returns more metrics, by name.
        script: a file beside this one to run in place of `heddle train`, with `overrides`. Like a run it writes
            run/weights.safetensors and run/metrics.json.
        tolerance: how far apart metrics may be on another machine, relative above 1. Adam divides a gradient by its own
            size: where some are all rounding, the weights are another processor's within an epoch.
    """

    overrides: Sequence[str]
    env: Mapping[str, str] = {}
    before: Callable[[Path], None] | None = None
    after: Callable[[Path], Mapping[str, float]] | None = None
    script: str = ""
    tolerance: float = TOLERANCE


def write_tables(folder: Path) -> None:
    """Write shops and goods, both with features, since sampled attention needs them of every type."""
    rng = np.random.default_rng(0)
    shops, goods, edges = 200, 120, 1500
    label = rng.integers(3, size=shops)
    split = np.array(["train", "valid", "test"])[np.arange(shops) % 3]
    with open(folder / "shops.csv", "w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["id", "a", "b", "c", "label", "split"])
        for k, x in enumerate(rng.standard_normal((shops, 3)) + label[:, None]):
            rows.writerow([f"s{k}", *(f"{value:.4f}" for value in x), label[k], split[k]])
    with open(folder / "goods.csv", "w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["id", "a", "b"])
        for k, x in enumerate(rng.standard_normal((goods, 2))):
            rows.writerow([f"g{k}", *(f"{value:.4f}" for value in x)])
    with open(folder / "sells.csv", "w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["shop", "good"])
        for shop, good in zip(rng.integers(shops, size=edges), rng.integers(goods, size=edges)):
            rows.writerow([f"s{shop}", f"g{good}"])


def export(folder: Path) -> Mapping[str, float]:
    """Export the run and return what the repository's own runtime computes of its sample, number by number."""
    heddle(folder, ["deploy", "export", "run=run", "deploy.repository=repository"], {})
    model = folder / "repository" / "model" / "1"
    code = (
        "import json, numpy as np, runtime\n"
        "index = np.arange(12, dtype=np.int64)[:, None]\n"
        "print(json.dumps(runtime.Runtime('.')({'index': index})['output'].ravel().tolist()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=model, env=environment({}), capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    numbers = json.loads(done.stdout)
    return {f"output.{k}": number for k, number in enumerate(numbers)}


SHOPS = (
    "data=tables",
    "data.root=.",
    "data.nodes=[{path: shops.csv, type: shop, features: [a, b, c], label: label, split: split},"
    " {path: goods.csv, type: good, features: [a, b]}]",
    "data.edges=[{path: sells.csv, source: shop, target: good, source_type: shop, target_type: good,"
    " relation: sells}]",
    "data.opposite=true",
)
CORA = ("data=planetoid", "data.name=cora", "data.root={data}/planetoid", "data.download=false")
TRAFFIC = ("backend=dgl-dynamic", "data=traffic", "data.sensors=10", "data.days=2", "model.hidden=8")
MUTAG = ("data=tu", "data.name=MUTAG", "data.root={data}/tu", "data.download=false")

RUNS: dict[str, Run] = {
    "cora-gcn": Run((*CORA, "model=gcn", "trainer.epochs=4")),
    "cora-gat": Run((*CORA, "model=gat", "trainer.epochs=3")),
    "aifb-rgcn": Run(
        (
            "data=rdf",
            "data.name=aifb",
            "data.root={data}/rdf",
            "data.download=false",
            "model=rgcn",
            "trainer.epochs=4",
        )
    ),
    "mutag-gin": Run((*MUTAG, "model=gin", "trainer.batch_size=32", "trainer.epochs=3")),
    "sampled-sage": Run(
        (
            "data=sbm",
            "model=sage",
            "sampler=neighbor",
            "sampler.batch_size=32",
            "sampler.fanouts=[6,4]",
            "trainer.epochs=3",
        )
    ),
    "sampled-hgt": Run(
        (
            *SHOPS,
            "model=hgt",
            "model.hidden=16",
            "sampler=neighbor",
            "sampler.batch_size=16",
            "sampler.fanouts=[4,4]",
            "trainer.epochs=2",
        ),
        before=write_tables,
    ),
    "wn18rr-links": Run(
        (
            "data=triples",
            "data.name=WN18RR",
            "data.root={data}/kg",
            "data.download=false",
            "model=rgcn",
            "model.hidden=8",
            "model.bases=2",
            "optim.lr=0.05",
            "trainer.epochs=2",
            "trainer.eval_every=2",
        )
    ),
    "dblp-script": Run(("{data}/hetero",), script="dblp.py"),
    "dcrnn": Run((*TRAFFIC, "model=dcrnn", "trainer.epochs=1"), tolerance=0.02),
    "gcrn-lstm": Run((*TRAFFIC, "model=gcrn-lstm", "trainer.epochs=1")),
    "jax-gcn": Run(("backend=jax", *CORA, "model=gcn", "trainer.epochs=4")),
    "jax-halo": Run(
        ("backend=jax", "data=sbm", "model=gcn", "sharding=halo", "sharding.devices=4", "trainer.epochs=3"),
        {"JAX_NUM_CPU_DEVICES": "4"},
    ),
    "export": Run(("data=sbm", "data.nodes=300", "data.valid=60", "trainer.epochs=3"), after=export),
}


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a run sees: this process's own, and one thread."""
    return {**os.environ, **ONE_THREAD, **more}


def heddle(folder: Path, arguments: Sequence[str], env: Mapping[str, str]) -> None:
    """Run `heddle` in a folder; raises RuntimeError with the end of what it said where it fails."""
    _run([sys.executable, "-m", "heddle", *arguments], folder, env)


def _run(command: Sequence[str], folder: Path, env: Mapping[str, str]) -> None:
    done = subprocess.run(command, cwd=folder, env=environment(env), capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[1:])} ended with {done.returncode}: {done.stderr[-2000:]}")


def measure(name: str) -> dict[str, Any]:
    """Run what `name` stands for in a temporary folder and return what is recorded of it."""
    run = RUNS[name]
    arguments = [word.replace("{data}", str(DATA)) for word in run.overrides]
    if arguments != list(run.overrides) and not DATA.is_dir():
        raise RuntimeError(f"found no folder {DATA} with real datasets; set HEDDLE_SHARED_DATA to one")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if run.before:
            run.before(folder)
        if run.script:
            _run([sys.executable, str(HERE / run.script), *arguments, "run"], folder, run.env)
        else:
            heddle(folder, ["train", *arguments, "run.dir=run", "trainer.progress=false"], run.env)
        actual = described(folder / "run")
        if run.after:
            actual["metrics"] |= run.after(folder)
    return actual


def described(folder: Path) -> dict[str, Any]:
    """Return the hashes, the norm and the metrics of a run folder."""
    from safetensors.numpy import load_file

    arrays = sorted(load_file(folder / "weights.safetensors").items())
    rows = [
        (name, f"{array.dtype} {list(array.shape)} ".encode() + array.tobytes()) for name, array in arrays
    ]
    named = hashlib.sha256(b"".join(name.encode() + b"\0" + _digest(row) for name, row in rows))
    values = hashlib.sha256(b"".join(sorted(_digest(row) for _, row in rows)))
    floats = [array.astype(np.float64) for _, array in arrays if array.dtype.kind == "f"]
    metrics = json.loads((folder / "metrics.json").read_text())
    return {
        "weights": named.hexdigest(),
        "values": values.hexdigest(),
        "norm": float(np.sqrt(sum((array**2).sum() for array in floats))),
        "metrics": dict(_flat(metrics)),
    }


def _digest(row: bytes) -> bytes:
    return hashlib.sha256(row).digest()


def _flat(metrics: Mapping[str, Any], prefix: str = "") -> list[tuple[str, float]]:
    """Return the numbers of nested metrics by dotted name, without those that aren't results."""
    leaves: list[tuple[str, float]] = []
    for name, value in metrics.items():
        if isinstance(value, Mapping) and name not in UNTOLD:
            leaves += _flat(value, f"{prefix}{name}.")
        elif name not in UNTOLD and isinstance(value, int | float):
            leaves.append((prefix + name, value))
    return leaves


def machine() -> dict[str, Any]:
    """Return what bits depend on besides the program: instructions, compiler of the kernels, versions."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        text = ""
    flags = re.search(r"^flags\s*:(.*)$", text, re.MULTILINE)
    vendor = re.search(r"^vendor_id\s*:\s*(\S+)", text, re.MULTILINE)
    vectors = {
        word for word in (flags[1].split() if flags else []) if re.match(r"(sse|avx|fma|f16c|amx)", word)
    }
    return {
        "processor": platform.machine(),
        "vendor": vendor[1] if vendor else platform.processor(),
        "instructions": sorted(vectors),
        "kernels": _compiler(),
        "versions": {name: _version(name) for name in ("numpy", "torch", "jaxlib")},
    }


def _compiler() -> str:
    """Return the compiler that built the native kernels, as the library itself says; "" without kernels."""
    spec = importlib.util.find_spec("heddle_kernels")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for library in sorted(Path(folder).glob("libheddle_kernels*.so")):
            compiler = re.search(rb"(GCC: \([^)]*\) [0-9.]+|clang version [0-9.]+)", library.read_bytes())
            return compiler[0].decode() if compiler else "unknown"
    return ""


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def differences(actual: Mapping[str, Any], recorded: Mapping[str, Any], tolerance: float | None) -> list[str]:
    """Return a line for everything that isn't as recorded: to the bit, or else metrics to a tolerance."""
    lines = []
    if tolerance is None and actual["weights"] != recorded["weights"]:
        if actual["values"] == recorded["values"]:
            lines.append("weights: the same values under other names")
        else:
            lines.append(f"weights differ: norm {actual['norm']!r}, recorded {recorded['norm']!r}")
    ours, theirs = actual["metrics"], recorded["metrics"]
    lines += [f"metrics: {name} is gone" for name in theirs if name not in ours]
    lines += [f"metrics: {name} is new" for name in ours if name not in theirs]
    for name in (name for name in theirs if name in ours):
        a, b = ours[name], theirs[name]
        same = a == b if tolerance is None else abs(a - b) <= tolerance * max(1.0, abs(b))
        if not (same or (a != a and b != b)):
            lines.append(f"metrics: {name} is {a!r}, recorded {b!r}: {a - b:+.3g}")
    return lines


def check(names: Sequence[str]) -> int:
    """Run `names`, print a line for each and what differs, and return how many aren't as recorded."""
    record = json.loads(RECORD.read_text())
    here = machine()
    bad = 0
    for name in names:
        start = time.perf_counter()
        if name not in record["runs"]:
            lines = ["not recorded; add it by --write"]
        else:
            recorded = record["runs"][name]
            there = recorded.get("machine", record["machine"])
            other = [key for key, value in there.items() if here.get(key) != value]
            if other:
                print(
                    f"{name}: recorded on another machine ({', '.join(other)}): metrics are compared, not bits"
                )
            try:
                lines = differences(measure(name), recorded, RUNS[name].tolerance if other else None)
            except RuntimeError as error:
                lines = [f"failed: {error}"]
        bad += bool(lines)
        print(f"{name}: {'differs' if lines else 'same'} ({time.perf_counter() - start:.1f} s)", flush=True)
        for line in lines:
            print(f"    {line}", flush=True)
    return bad


def write(names: Sequence[str]) -> None:
    """Record `names` anew and keep the others, which bear their machine where it is another one."""
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {"runs": {}}
    here = machine()
    kept = {name: row for name, row in record["runs"].items() if name in RUNS and name not in names}
    usual = record["machine"] if kept else here
    mine = {} if usual == here else {"machine": here}
    actual = kept | {name: {**measure(name), **mine} for name in names}
    ordered = {name: actual[name] for name in RUNS if name in actual}
    RECORD.write_text(json.dumps({"machine": usual, "runs": ordered}, indent=1) + "\n")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="runs; none for all")
    parser.add_argument(
        "--check", action="store_true", help="compare with the record, which is what happens anyway"
    )
    parser.add_argument("--write", action="store_true", help="record what is found")
    parser.add_argument("--list", action="store_true", help="print the runs' names")
    given = parser.parse_args(arguments)
    unknown = [name for name in given.names if name not in RUNS]
    if unknown:
        parser.error(f"found the run {unknown[0]!r}, expected some of {', '.join(RUNS)}")
    names = given.names or list(RUNS)
    if given.list:
        print("\n".join(RUNS))
        return 0
    if given.write:
        write(names)
        return 0
    return 1 if check(names) else 0


if __name__ == "__main__":
    sys.exit(main())
