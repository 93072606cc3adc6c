"""served_rows: a bundle as a model of named tensors: a column of its table each in, scores out; what Triton serves."""

import json
import sys
from pathlib import Path

import numpy as np

from heddle.data.prepared.read import open_prepared
from heddle.serving.bundle.bundle import asked_columns, encoders_of
from heddle.serving.bundle.layout import read_bundle
from heddle.serving.served import Served, Spec
from heddle.workflow.metrics.decision import decision_of


def served_rows(root: Path, max_batch: int) -> Served:
    """Return a bundle of rows as a model that asks `heddle.serving.bundle.answers`, in a process of this Python.

    Inputs are text [rows, 1], named as the table's columns; one that isn't sent is an empty cell.

    Raises:
        DataError: a broken bundle.
    """
    contents = read_bundle(root)
    fields = asked_columns(encoders_of(open_prepared(contents.prepared)).get(contents.target))
    outputs = [Spec("output", "FP64", contents.spec.out_dim or 1)]  # of links a score each
    if contents.decision is not None:
        chances = decision_of(contents.decision).probabilities(np.zeros((1, contents.spec.out_dim)))
        outputs += [Spec("probability", "FP64", chances.shape[1]), Spec("answer", "BYTES", 1)]
    asks = {"bundle": str(root.resolve()), "python": sys.executable}
    inputs = tuple(Spec(field, "BYTES", 1) for field in fields)
    nothing = (
        {spec.name: np.empty((0, 1), object) for spec in inputs},
        {
            spec.name: np.empty((0, spec.width), object if spec.dtype == "BYTES" else np.float64)
            for spec in outputs
        },
    )
    about = {"optional": True}
    content = json.dumps(asks).encode()
    return Served(contents.name, "bundle", content, inputs, tuple(outputs), max_batch, nothing, about).check()
