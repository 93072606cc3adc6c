"""Make the corpus of this version: what it trained, prepared and exported, and what that predicts.

    python tests/corpus/make.py [FOLDER]    # FOLDER: tests/corpus/VERSION

A corpus is made once, when its version is released, and kept: later versions open it and must predict the same
(`test_corpus.py`). All data is synthetic, made here or by Heddle's generators. FOLDER holds

    data/          tables, triples, graphs and events that runs read, and schema.yaml
    prepared/      the folder that `heddle data prepare` made of the tables
    trained/NAME/  run folders, with the predictions and metrics that they gave: expected.csv, expected.json
    stopped/       a run that was broken off after its second checkpoint; expected.json, expected.safetensors: its end
    repository/    what `heddle deploy export` made of trained/node-gcn, and expected.npz
    script/        the checkpoint of script.py after two epochs; after-2, after-4: its end without a break

Paths in configurations are relative to FOLDER. Reports are left out, and of versions.json all but a few packages.
"""

import contextlib
import csv
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
SMALL = ("data.nodes=120", "data.classes=3", "data.features=8", "data.train_per_class=8", "data.valid=30")
TABLES = (
    "data=tables",
    "data.root=data",
    "data.nodes=[{path: users.csv, type: user, features: [age, visits], label: churned, split: part},"
    " {path: items.csv, type: item, features: [price]}]",
    "data.edges=[{path: orders.csv, source: user, target: item, source_type: user, target_type: item,"
    " relation: orders}]",
    "data.opposite=true",
)
TOY = ("data=tu", "data.name=TOY", "data.root=data", "data.download=false", "trainer.batch_size=8")
TRAFFIC = (
    *(
        "backend=dgl-dynamic",
        "data=traffic",
        "data.sensors=5",
        "data.days=1",
        "task.length=3",
        "task.horizon=3",
    ),
    *("model.hidden=4", "trainer.epochs=1"),
)
RUNS: dict[str, Sequence[str]] = {
    "node-gcn": ("data=sbm", *SMALL, "model=gcn"),
    "node-sage-sampled": ("data=sbm", *SMALL, "model=sage", "model.hidden=8", "sampler=neighbor"),
    "node-pyg-gat": ("data=sbm", *SMALL, "model=pyg", "model.cls=GAT", "model.hidden=8"),
    "node-jax-gat": ("backend=jax", "data=sbm", *SMALL, "model=gat", "model.hidden=8", "model.heads=2"),
    "node-jax-halo": ("backend=jax", "data=sbm", *SMALL, "model=gcn", "sharding=halo", "sharding.devices=2"),
    "hetero-hgt-tables": (*TABLES, "model=hgt", "model.hidden=8"),
    "hetero-rgcn-sampled": (
        *("data=mag", "data.papers=80", "data.authors=60", "data.institutions=6", "data.fields=10"),
        *("data.venues=3", "data.features=4", "model=rgcn", "model.hidden=4", "sampler=neighbor"),
        *("sampler.fanouts=[-1,-1]", "sampler.batch_size=32"),
    ),
    "hetero-rgcn-prepared": ("data=prepared", "data.root=prepared", "model=rgcn", "model.hidden=4"),
    "links-karate": ("data=karate", "task=link_prediction", "model=gcn", "model.hidden=8"),
    "links-typed": (
        *("data=triples", "data.name=toy", "data.root=data", "data.download=false", "model=rgcn"),
        *("model.hidden=4", "model.bases=2"),
    ),
    "graphs-gin": (*TOY, "model=gin", "model.hidden=8"),
    "graphs-regression": (*TOY, "data.target=attributes", "model=graph_network", "model.hidden=8"),
    "forecast-dcrnn": (*TRAFFIC, "model=dcrnn"),
    "forecast-gcrn-lstm": (*TRAFFIC, "model=gcrn-lstm"),
    "events-gcrn-gru": (
        *(
            "backend=dgl-dynamic",
            "data=events",
            "data.name=collegemsg",
            "data.root=data",
            "data.snapshots=10",
        ),
        *("data.valid=0.2", "data.test=0.2", "model=gcrn-gru", "model.hidden=8", "optim.lr=0.02"),
    ),
}
STOPPED = ("data=sbm", *SMALL, "model=sage", "model.hidden=8", "trainer.epochs=6")
KEPT_PACKAGES = (
    "heddle-core",
    "heddle-pyg",
    "heddle-jax",
    "heddle-dgl-dynamic",
    "heddle-kernels",
    "numpy",
    "torch",
)
SCHEMA = """\
name: shop
kind: node_classification
target: user
tables:
  users:
    path: users.csv
    columns: {id: text, age: float, visits: float, churned: text, joined: {type: datetime, format: "%Y-%m-%d"}}
    time: joined
  orders:
    path: orders.csv
    columns: {user: text, item: text, paid: float}
nodes:
  user:
    table: users
    key: id
    time: joined
    label: {column: churned, classes: ["no", "yes"]}
    features:
      - {column: age, encode: number}
      - {column: visits, encode: bins, bins: 4}
  item: {keys: [[orders, item]]}
edges:
  - {type: [user, orders, item], table: orders, source: user, target: item, features: [{column: paid, encode: log}]}
split: {train: 0.6, of_valid: 0.2}
"""


def write_data(folder: Path) -> None:
    """Write tables of a shop, typed links, small graphs and events."""
    rng = np.random.default_rng(1)
    folder.mkdir()
    users, items = 60, 20
    churned = rng.random(users) < 0.4
    with open(folder / "users.csv", "w", newline="") as stream:
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow(["id", "age", "visits", "churned", "part", "joined"])
        for k in range(users):
            part = ("train", "train", "valid", "test")[k % 4]
            age, visits = 20 + rng.integers(40) + 10 * churned[k], rng.integers(30)
            joined = f"2020-{1 + k // 28:02d}-{1 + k % 28:02d}"
            rows.writerow([f"u{k:02d}", age, visits, ("no", "yes")[int(churned[k])], part, joined])
    with open(folder / "items.csv", "w", newline="") as stream:
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow(["id", "price"])
        rows.writerows([f"i{k:02d}", f"{price:.2f}"] for k, price in enumerate(rng.random(items) * 4))
    with open(folder / "orders.csv", "w", newline="") as stream:
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow(["user", "item", "paid"])
        rows.writerows(
            [f"u{user:02d}", f"i{item:02d}", f"{paid:.2f}"]
            for user, item, paid in zip(
                rng.integers(users, size=300), rng.integers(items, size=300), rng.random(300) * 50
            )
        )
    (folder / "schema.yaml").write_text(SCHEMA)
    (folder / "toy").mkdir()
    for split, count in (("train", 150), ("valid", 15), ("test", 15)):
        heads, relations = rng.integers(30, size=count), rng.integers(3, size=count)
        lines = [f"e{h}\tr{r}\te{(h + 1 + r) % 30}\n" for h, r in zip(heads, relations)]
        (folder / "toy" / f"{split}.txt").write_text("".join(lines))
    write_graphs(folder / "TOY", rng)
    times = np.sort(rng.integers(100_000, size=400))
    lines = [
        f"{a + 1} {(a + b) % 80 + 1} {t}\n" for t, a, b in zip(times, *rng.integers(1, 79, size=(2, 400)))
    ]
    (folder / "CollegeMsg.txt").write_text("".join(lines))


def write_graphs(folder: Path, rng: np.random.Generator) -> None:
    """Write 40 rings with chords in TUDataset's files: classes tell whether there are chords, attributes how many."""
    folder.mkdir()
    edges, indicator, labels, classes, numbers, first = [], [], [], [], [], 1
    for graph in range(40):
        size, chords = int(rng.integers(5, 9)), int(rng.integers(1, 3)) * (graph % 2)
        ends = [(k, (k + 1) % size) for k in range(size)] + [(k, k + 2) for k in range(chords)]
        edges += [f"{first + a}, {first + b}" for one, other in ends for a, b in ((one, other), (other, one))]
        indicator += [str(graph + 1)] * size
        labels += [str(label) for label in rng.integers(3, size=size)]
        classes.append(str(graph % 2))
        numbers.append(str(float(chords)))
        first += size
    files = {"A": edges, "graph_indicator": indicator, "node_labels": labels, "graph_labels": classes}
    for name, lines in (files | {"graph_attributes": numbers}).items():
        (folder / f"TOY_{name}.txt").write_text("\n".join(lines) + "\n")


def heddle(folder: Path, *arguments: str) -> None:
    """Run `heddle` in a folder, in this process; raises SystemExit where it fails."""
    from heddle.cli.main import main as command

    with contextlib.chdir(folder), contextlib.redirect_stdout(sys.stderr):
        status = command(list(arguments))
    if status:
        raise SystemExit(f"make: heddle {' '.join(arguments)} ended with {status}")


def rounded(path: Path) -> None:
    """Write a table's numbers with nine digits, which is what float32 has."""
    with open(path, newline="") as stream:
        rows = list(csv.reader(stream))
    with open(path, "w", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([[_short(cell) for cell in row] for row in rows])


def _short(cell: str) -> str:
    try:
        return f"{float(cell):.9g}"
    except ValueError:
        return cell


def train(folder: Path, name: str, arguments: Sequence[str]) -> None:
    """Train a run, and leave beside it what it predicts and how it measures."""
    run = f"trained/{name}"
    more = [
        word for word in ("trainer.epochs=4",) if not any(w.startswith("trainer.epochs") for w in arguments)
    ]
    heddle(
        folder,
        "train",
        *arguments,
        *more,
        f"run.dir={run}",
        "trainer.progress=false",
        "trainer.checkpoint_every=2",
    )
    heddle(folder, "predict", f"run={run}", f"out={run}/expected.csv")
    heddle(folder, "eval", f"run={run}", f"out={run}/expected.json")
    rounded(folder / run / "expected.csv")
    for path in (folder / run / "checkpoints").glob("*"):
        path.unlink()  # `stopped` has what resumes; these only take room
    (folder / run / "checkpoints").rmdir()
    tidy(folder / run)


def stop(folder: Path) -> None:
    """Leave a run as it is when it is killed between its second checkpoint and the third."""
    run = folder / "stopped"
    heddle(
        folder, "train", *STOPPED, "run.dir=stopped", "trainer.progress=false", "trainer.checkpoint_every=2",
        "trainer.keep=3",
    )  # fmt: skip
    (run / "metrics.json").rename(run / "expected.json")
    (run / "weights.safetensors").rename(run / "expected.safetensors")
    for name in (
        "predictions.npz",
        "metrics.csv",
        *(f"checkpoints/epoch-000006.{end}" for end in ("json", "safetensors")),
    ):
        (run / name).unlink()
    tidy(run)


def tidy(run: Path) -> None:
    """Remove a run's report, and the names of this machine and of most packages."""
    (run / "report.html").unlink(missing_ok=True)
    versions = json.loads((run / "versions.json").read_text())
    versions["platform"] = "Linux"
    versions["packages"] = {name: versions["packages"][name] for name in KEPT_PACKAGES}
    (run / "versions.json").write_text(json.dumps(versions, indent=2) + "\n")


def export(folder: Path) -> None:
    """Export a run; the traces in the program, which name this machine's files, are cut down to the file's name."""
    heddle(
        folder, "deploy", "export", "run=trained/node-gcn", "deploy.repository=repository", "deploy.model=gcn"
    )
    model = folder / "repository" / "gcn" / "1"
    program, old = model / "model.pt2", model / "old.pt2"
    program.rename(old)
    with zipfile.ZipFile(old) as source, zipfile.ZipFile(program, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name.endswith("models/model.json"):
                content = json.dumps(without_traces(json.loads(content))).encode()
            target.writestr(zipfile.ZipInfo(name), content)
    old.unlink()
    code = (
        "import sys, numpy as np, runtime\n"
        "index = np.arange(120)[:, None]\n"
        "np.savez(sys.argv[1], index=index, **runtime.Runtime('.')({'index': index}))"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(folder / "repository" / "expected.npz")], cwd=model, check=True
    )
    shutil.rmtree(model / "__pycache__", ignore_errors=True)


def without_traces(tree: object) -> object:
    """Return JSON without what torch says about the source lines of each step."""
    if isinstance(tree, dict):
        return {k: "" if k == "stack_trace" else without_traces(v) for k, v in tree.items()}
    return [without_traces(item) for item in tree] if isinstance(tree, list) else tree


def script(folder: Path) -> None:
    """Break script.py off after two epochs of four, and run it to its end without a break."""
    command = [sys.executable, str(HERE / "script.py"), "prepared"]
    for arguments in (("script", "script/after-2", "2"), ("unbroken", "script/after-4", "4")):
        subprocess.run([*command, *arguments], cwd=folder, check=True)
    shutil.rmtree(folder / "unbroken")


def main() -> int:
    os.environ.update(OMP_NUM_THREADS="1", JAX_NUM_CPU_DEVICES="2", JAX_PLATFORMS="cpu")  # before any engine
    import heddle as package

    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / package.__version__
    if folder.exists():
        print(
            f"make: found {folder}, expected no such folder; a version's corpus is made once", file=sys.stderr
        )
        return 1
    folder.mkdir(parents=True)
    write_data(folder / "data")
    heddle(
        folder,
        "data",
        "prepare",
        "data=schema",
        "data.schema=data/schema.yaml",
        "data.src=data",
        "data.dst=prepared",
    )
    for name, arguments in RUNS.items():
        train(folder, name, arguments)
    stop(folder)
    export(folder)
    script(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
