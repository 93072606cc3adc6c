"""products_registry: the installed plugins, the product's own data, and the engine that is proved."""

from dataclasses import replace
from typing import Any

from heddle.data.task import Task, model_spec_of
from heddle.engines.backend import Backend
from heddle.engines.capabilities import held_by
from heddle.engines.hookspecs import BackendInfo, DatasetInfo, ModelInfo
from heddle.engines.plugins import Offer, Plugin, Registry, discover
from heddle.nn.capabilities import FORECASTS, HOMOGENEOUS
from heddle.nn.model import uses_of
from heddle.options import BackendOptions, build
from heddle.options.input_kinds import EDGE_CODES
from heddle.testing.products.combination import Engine, Model
from heddle.testing.products.data import ProductsData, read

DATA = DatasetInfo(
    "products", "small data of the kit", "heddle.testing.products.data:read", options=ProductsData
)


class ProductsRegistry(Registry):
    """A Registry in which one engine is a value, installed or not.

    Args:
        backend: the engine.
    """

    def __init__(self, backend: Backend):
        kit = Plugin("products", "heddle.testing", "0", offers=(Offer("dataset", DATA, "heddle.testing"),))
        super().__init__([*discover(), kit])
        self._backend = backend

    def info(self, plugin_kind: str, name: str) -> Any:
        """Return a description; of the engine that is proved one that states what it has."""
        if (plugin_kind, name) == ("backend", self._backend.name):
            return BackendInfo(name, "proved", "heddle:no", capabilities=held_by(self._backend))
        return super().info(plugin_kind, name)

    def backend(self, options: BackendOptions) -> Backend:
        """Return the engine that is proved."""
        return self._backend if options.name == self._backend.name else super().backend(options)


def engine_of(backend: Backend) -> Engine:
    """Return what refusals depend on of an engine."""
    return Engine(backend.static_shapes, held_by(backend))


def portable_models(registry: Registry) -> list[Model]:
    """Return the installed models that every engine trains, without those of forecasts."""
    infos = [registry.info("model", name) for name in registry.names("model")]
    return [
        Model(info.name, {}, info.capabilities, embeds_edges=_embeds_edges(registry, info))
        for info in infos
        if not info.backends and FORECASTS.name not in info.capabilities
    ]


def native_models(registry: Registry, engine: str) -> list[Model]:
    """Return the installed models of one engine, without those of forecasts, with their own defaults."""
    infos = [registry.info("model", name) for name in registry.names("model")]
    return [
        Model(info.name, {}, info.capabilities)
        for info in infos
        if engine in info.backends and FORECASTS.name not in info.capabilities
    ]


def _embeds_edges(registry: Registry, info: ModelInfo) -> bool:
    """Tell whether a model of one type of nodes reads codes of edges."""
    if HOMOGENEOUS.name not in info.capabilities:
        return False
    data = read(ProductsData(features="edges"))
    options = model_options(registry, Model(info.name, {}, info.capabilities))
    model_spec = model_spec_of(data, Task(data.task, "cross_entropy", ()))
    return EDGE_CODES in uses_of(registry.model(info.name)(options, model_spec))


def model_options(registry: Registry, model: Model) -> Any:
    """Return the node of a model, small where it has the usual keys."""
    options: Any = build(registry.options("model", model.name), {"name": model.name, **model.keys}, "model")
    small = {
        key: value
        for key, value in {"hidden": 8, "layers": 2}.items()
        if key in options.__dataclass_fields__ and key not in model.keys
    }
    return replace(options, **small)
