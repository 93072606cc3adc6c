"""Scripts: a few lines from a graph and a module to metrics, embeddings, boosted trees and a server.

trainer.py       Trainer, Workflow, OptWrapper; training.py: what they are to the workflow
data_objects.py  NodeDataObject, LPDataObject: one graph, what is asked of it, how splits are drawn
metadata.py      MetaLoader: what a graph on disk or in memory is made of
scores.py        metrics that a script hands over
downstream.py    embeddings, boosted trees and a server after training
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from heddle.scripts.data_objects import LPDataObject, NodeDataObject
    from heddle.scripts.metadata import MetaLoader
    from heddle.scripts.scores import MAE, MSE, Accuracy, BinaryAccuracy
    from heddle.scripts.trainer import OptWrapper, Trainer, Workflow
    from heddle.workflow.boost import InferenceCluster, TrainCluster

__all__ = [
    "MAE",
    "MSE",
    "Accuracy",
    "BinaryAccuracy",
    "InferenceCluster",
    "LPDataObject",
    "MetaLoader",
    "NodeDataObject",
    "OptWrapper",
    "TrainCluster",
    "Trainer",
    "Workflow",
]

_HOMES = {
    **dict.fromkeys(("MAE", "MSE", "Accuracy", "BinaryAccuracy"), "heddle.scripts.scores"),
    **dict.fromkeys(("TrainCluster", "InferenceCluster"), "heddle.workflow.boost"),
    **dict.fromkeys(("OptWrapper", "Trainer", "Workflow"), "heddle.scripts.trainer"),
    **dict.fromkeys(("LPDataObject", "NodeDataObject"), "heddle.scripts.data_objects"),
    "MetaLoader": "heddle.scripts.metadata",
}


def __getattr__(name: str) -> Any:
    """Import what scripts use when it is asked for."""
    name = name.removeprefix("GP") if name in ("GPTrainCluster", "GPInferenceCluster") else name
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
