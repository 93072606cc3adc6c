"""Core's own plugin: it brings what core has through the same hooks as everyone else's."""

from heddle.engines.hookspecs import DatasetInfo, EtlEngineInfo, ModelInfo, ServerInfo, TrackerInfo, hookimpl

PLUGIN_API = (1, 0)


@hookimpl
def heddle_models() -> list[ModelInfo]:
    from heddle.engines.plugins.core.models import MODELS

    return MODELS


@hookimpl
def heddle_datasets() -> list[DatasetInfo]:
    from heddle.engines.plugins.core.datasets import DATASETS

    return DATASETS


@hookimpl
def heddle_trackers() -> list[TrackerInfo]:
    from heddle.engines.plugins.core.trackers import TRACKERS

    return TRACKERS


@hookimpl
def heddle_servers() -> list[ServerInfo]:
    from heddle.engines.plugins.core.servers import SERVERS

    return SERVERS


@hookimpl
def heddle_etl_engines() -> list[EtlEngineInfo]:
    from heddle.engines.plugins.core.etl_engines import ETL_ENGINES

    return ETL_ENGINES
