"""The clusters of boosted trees by the names that scripts use, those of the original scripts among them."""

from heddle.workflow.boost import InferenceCluster, TrainCluster

GPTrainCluster, GPInferenceCluster = TrainCluster, InferenceCluster

__all__ = ["GPInferenceCluster", "GPTrainCluster", "InferenceCluster", "TrainCluster"]
