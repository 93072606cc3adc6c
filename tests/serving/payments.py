"""Payments of TabFormer's shape, two models trained on them by command, and their bundles."""

import csv
import io
from pathlib import Path
from typing import Any

from heddle.cli import main
from heddle.data.etl import prepare
from heddle.data.etl.recipes import tabformer
from heddle.data.etl_options import Etl
from heddle.data.generators import write_tabformer
from heddle.engines.plugins import load_plugins

TRAIN = [
    "trainer.epochs=1",
    "trainer.progress=false",
    "sampler=neighbor",
    "sampler.fanouts=[4,3]",
    "model.hidden=8",
]


def make_bundles(root: Path) -> list[dict[str, Any]]:
    """Prepare payments below `root`, train and export rgcn and hetero_sage; return the records of the CSV."""
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
    path = root / "tables" / "card_transaction.csv"
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
