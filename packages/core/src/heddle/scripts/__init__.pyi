"""The public names of scripts, each with the module that it is loaded from on first use."""

from .clusters import GPInferenceCluster as GPInferenceCluster
from .clusters import GPTrainCluster as GPTrainCluster
from .clusters import InferenceCluster as InferenceCluster
from .clusters import TrainCluster as TrainCluster
from .data_objects import EdgeDataObject as EdgeDataObject
from .data_objects import GraphDataObject as GraphDataObject
from .data_objects import LPDataObject as LPDataObject
from .data_objects import NodeDataObject as NodeDataObject
from .metadata import MetaLoader as MetaLoader
from .scores import MAE as MAE
from .scores import MSE as MSE
from .scores import Accuracy as Accuracy
from .scores import BinaryAccuracy as BinaryAccuracy
from .trainer import OptWrapper as OptWrapper
from .trainer import Trainer as Trainer
from .trainer import Workflow as Workflow
