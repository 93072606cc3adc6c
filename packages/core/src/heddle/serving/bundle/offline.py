"""offline: what a bundle's model says of rows of a prepared folder, by the very code that answers requests."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from heddle.data.prepared.read import open_prepared
from heddle.serving.bundle.export import NoRowsError, prepared_folder, reading_of, target_asked
from heddle.serving.bundle.layout import WEIGHTS, read_bundle
from heddle.serving.bundle.model import scorer_of, scorer_on
from heddle.serving.bundle.questions import questions_of
from heddle.serving.bundle.task import task_of
from heddle.serving.live.graph import folder_snapshot
from heddle.serving.live.kernel import store_of
from heddle.serving.scoring.scorer import Scorer

if TYPE_CHECKING:
    from heddle.config.run import RunConfig

ROWS = 4096
"""Rows that are embedded together."""


def predict_rows(root: str | Path, prepared: str | Path, rows: np.ndarray, registry: Any) -> np.ndarray:
    """Return the outputs [n, out] of rows of the target relation, or of nodes, of a prepared folder, at their times.

    They are those that a server of the bundle gives the same rows at the same moments, to the bit.

    Args:
        root: the bundle.
        prepared: a folder with the same columns as the bundle's own.
        rows: [n] int.

    Raises:
        DataError: a broken bundle or folder.
    """
    contents, opened = read_bundle(root), open_prepared(prepared)
    task = task_of(opened, contents.target)
    scorer = scorer_of(Path(root), contents, registry, None if task is None else task.relation)
    questions = questions_of(scorer.reading.timed, contents.target, opened, rows, task)
    outputs = scorer(folder_snapshot(prepared, store_of(registry)), questions).outputs
    return outputs.reshape(len(rows), -1)


def embed_rows(
    config: "RunConfig", run: Path, parts: Any, registry: Any
) -> np.ndarray | tuple[np.ndarray, ...] | None:
    """Return what `heddle.workflow.saved.embed_rows` does, as a server of the run computes it, to the bit.

    None where no server can, or by no kernel: then the engine's own are 1e-5 from a server's.

    Args:
        parts: the run, restored.
    """
    try:
        prepared, reading = prepared_folder(config), reading_of(parts, config)
    except NoRowsError:
        return None
    if parts.task.level == "edge" and not reading.timed:
        return None  # which edges may be seen goes by splits there
    scorer = scorer_on(parts.model, parts.model_spec, reading, run / WEIGHTS, registry)
    if not scorer.by_kernel(folder_snapshot(prepared, store_of(registry))):
        return None
    count = len(np.asarray(parts.dataset.targets))
    ends = embeddings(scorer, target_asked(config, parts), prepared, count, registry)
    return ends[0] if len(ends) == 1 else ends


def embeddings(
    scorer: Scorer, target: Sequence[str], prepared: Path, count: int, registry: Any
) -> tuple[np.ndarray, ...]:
    """Return the embeddings [count, d] of the first `count` rows' ends, or of nodes, each as of its own time."""
    snapshot, opened = folder_snapshot(prepared, store_of(registry)), open_prepared(prepared)
    pieces = [
        scorer.ends(scorer.embed(snapshot, questions_of(scorer.reading.timed, target, opened, rows)))
        for rows in np.split(np.arange(count), range(ROWS, count, ROWS))
    ]
    return tuple(np.concatenate(end) for end in zip(*pieces))
