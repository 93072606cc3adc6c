"""Payments of TabFormer's shape, two models trained on them by command, and their bundles."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from heddle.cli import main
from heddle.data.etl import prepare
from heddle.data.etl.recipes import tabformer
from heddle.data.etl_options import Etl
from heddle.data.generators import write_tabformer
from heddle.data.prepared import FolderWriter, Prepared, csc, read_ids
from heddle.engines.plugins import load_plugins

TRAIN = [
    "trainer.epochs=1",
    "trainer.progress=false",
    "sampler=neighbor",
    "sampler.fanouts=[4,3]",
    "model.hidden=8",
]
PAYS = ("card", "pays", "merchant")
BOOST = ["boost.rounds=30", "boost.depths=[3]", "boost.threads=1", "boost.lr=0.3", "boost.reasons=0"]
TREES = ("table", "embeddings", "both")


def make_bundles(root: Path) -> list[dict[str, Any]]:
    """Prepare payments below `root`, train and export rgcn and hetero_sage, and trees; return the CSV's records."""
    from heddle.config.saved import saved_config
    from heddle.serving.bundle.export import export_bundle

    write_tabformer(root / "tables", rows=1500, users=12, merchants=60, fraud=0.1, seed=1)
    schema = tabformer(root / "tables")._replace(kind="edge_classification")
    prepare(schema, root / "tables", root / "prepared", Etl(progress=False))
    registry = load_plugins()
    for model in ("rgcn", "hetero_sage"):
        run = root / model
        arguments = [
            "train",
            "data=prepared",
            f"data.root={root / 'prepared'}",
            f"model={model}",
            "backend=pyg",
            *TRAIN,
        ]
        assert main([*arguments, f"run.dir={run}", "task.calibration=platt"]) == 0
        assert main(["predict", f"run={run}", f"out={run / 'predictions.csv'}"]) == 0
        export_bundle(saved_config(run, registry), run, registry, run / "bundle")
    run = root / "rgcn"
    assert main(["boost", f"run={run}", *BOOST]) == 0
    for name in TREES:
        trees = run / "boost" / f"{name}.json"
        export_bundle(saved_config(run, registry), run, registry, run / f"bundle-{name}", trees=trees)
    path = root / "tables" / "card_transaction.csv"
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


def cut(whole: Prepared, kept: np.ndarray, folder: Path) -> None:
    """Write some rows of the prepared payments as a folder of its own, with all nodes and what was fitted."""
    writer, edges = FolderWriter(folder, "cut"), whole.edges[PAYS]
    for node_type, nodes in whole.nodes.items():
        writer.nodes(node_type, nodes.rows, ids=read_ids(nodes))
    ends, time = np.asarray(edges.ends[kept]), np.asarray(edges.time[kept])
    sizes = [whole.nodes[node_type].rows for node_type in ("card", "merchant")]
    features = {name: array[kept] for name, array in edges.features.items()}
    kept_of = {"time": time, "features": features, "sizes": dict(edges.sizes), "label": edges.label[kept]}
    writer.edges(PAYS, len(kept), ends=ends, by_time=True, **csc(ends, *sizes, time), **kept_of)
    back = csc(ends[:, ::-1], *sizes[::-1], time)
    writer.edges(("merchant", "rev_pays", "card"), len(kept), rows_of=PAYS, by_time=True, **back)
    writer.finish(whole.task, whole.info, whole.recipe)


def in_order(records: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Return the rows of records by their times."""
    return np.argsort([_moment(record) for record in records], kind="stable")


def _moment(record: Mapping[str, Any]) -> np.int64:
    date = f"{int(record['Year']):04d}-{int(record['Month']):02d}-{int(record['Day']):02d}T{record['Time']}"
    return np.datetime64(date).astype("datetime64[s]").astype(np.int64)
