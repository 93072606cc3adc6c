"""Core's own plugin: it brings what core has through the same hooks as everyone else's."""

from heddle.hookspecs import DatasetInfo, ModelInfo, ServerInfo, TrackerInfo, hookimpl

PLUGIN_API = (1, 0)


@hookimpl
def heddle_models() -> list[ModelInfo]:
    from heddle.models.builtin import MODELS

    return MODELS


@hookimpl
def heddle_datasets() -> list[DatasetInfo]:
    from heddle.data.builtin import DATASETS

    return DATASETS


@hookimpl
def heddle_trackers() -> list[TrackerInfo]:
    from heddle.workflow.builtin import TRACKERS

    return TRACKERS


@hookimpl
def heddle_servers() -> list[ServerInfo]:
    from heddle.serving.builtin import SERVERS

    return SERVERS
