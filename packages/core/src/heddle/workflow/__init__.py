"""The workflow that is the same for every engine: from a config to a trained run and its folder.

run.py          train, evaluate, predict; saved.py uses finished runs again; folder.py finds a place for new ones
assemble.py     dataset, task, model, engine and loader of a config; check.py: whether data and task fit
splits.py       the dataset's splits, or drawn ones
loader.py       batches of an epoch and predictions of a split: nodes.py, graphs.py, links.py, triples.py
sampled.py      sampled mini-batches of what questions.py ask, of `heddle train` and of scripts alike; sampler.py: how
                they are drawn; prefetch.py: built ahead by threads
negatives.py    false links; ranking.py: ranks of true links among false ones
trainer.py      epochs, evaluations, the best weights; progress.py: all that a run knows; settings.py: what it is told
schedule.py     learning rates; callbacks.py: what watches a run; trackers.py: where figures go
checkpoint.py   a run in its midst on disk
embeddings.py   embeddings on disk; boost/: boosted trees on tables with them
outcome.py      predictions beside the truth; metrics.py: figures by name (classification.py, regression.py)
processes.py    one run by several processes; worker.py: one of them
report/         one HTML file about a run; screen.py: its figures on the terminal
seeds.py        random streams
turnkey.py      Trainer, Workflow, OptWrapper: the same from a script; scores.py: its metrics;
                downstream.py: embeddings, boosted trees and a server after it
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from heddle.workflow.boost import InferenceCluster, TrainCluster
    from heddle.workflow.scores import MAE, MSE, Accuracy, BinaryAccuracy
    from heddle.workflow.turnkey import OptWrapper, Trainer, Workflow

__all__ = [
    "MAE",
    "MSE",
    "Accuracy",
    "BinaryAccuracy",
    "InferenceCluster",
    "OptWrapper",
    "TrainCluster",
    "Trainer",
    "Workflow",
]

_HOMES = {
    **dict.fromkeys(("MAE", "MSE", "Accuracy", "BinaryAccuracy"), "scores"),
    **dict.fromkeys(("TrainCluster", "InferenceCluster"), "boost"),
    **dict.fromkeys(("OptWrapper", "Trainer", "Workflow"), "turnkey"),
}


def __getattr__(name: str) -> Any:
    """Import what scripts use when it is asked for."""
    name = name.removeprefix("GP") if name in ("GPTrainCluster", "GPInferenceCluster") else name
    if name in _HOMES:
        return getattr(import_module(f"heddle.workflow.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
