"""Checks of a whole configuration, wherever its values come from: a model's file, an experiment, a saved run."""

from collections.abc import Iterator, Mapping
from typing import Any

from heddle.config.keys import CLOSED, KEYS, fault
from heddle.errors import ConfigError, nearest
from heddle.hookspecs import KernelInfo, Keys
from heddle.plugins import Registry
from heddle.plugins.packages import absent_packages
from heddle.plugins.registry import either

NAMES = {
    "backend": "backend.name",
    "model": "model.name",
    "dataset": "data.reader",
    "tracker": "tracker.name",
}
"""Kinds of what plugins bring, and the key that names one."""


def keys_of(config: Mapping[str, Any], registry: Registry) -> Keys:
    """Return what is stated of a configuration's keys: by core of its own, by plugins of those of what it names."""
    values, stated = dict(leaves(config)), dict(KEYS)
    for kind, name in NAMES.items():
        for offer in registry.offers(kind):
            if offer.info.name == values.get(name) and not isinstance(offer.info, KernelInfo):
                node = name.partition(".")[0]
                stated |= {f"{node}.{key}": of for key, of in offer.info.keys.items()}
    return stated


def check_values(config: Mapping[str, Any], keys: Keys = KEYS) -> None:
    """Check the values of all keys that `keys` state, and that the nodes of core's own keys have no others.

    Raises:
        ConfigError: the first fault.
    """
    for name, value in leaves(config):
        node = name.partition(".")[0]
        told = ""
        if name in keys:
            told = fault(name, value, None, keys)
        elif node in CLOSED and node != name:
            known = [key for key in KEYS if key.startswith(f"{node}.")]
            told = f"{name} is unknown{nearest(name, known) or ';'} keys: {', '.join(known)}"
        if told:
            raise ConfigError(told)


def check_names(config: Mapping[str, Any], registry: Registry) -> None:
    """Check that the engine, model, dataset and tracker of a configuration are installed, usable and fit each other.

    Raises:
        ConfigError, PluginError: as `Registry.info`; ConfigError too for a model that the engine can't train.
    """
    values = dict(leaves(config))
    if "backend.name" not in values:
        usable = registry.names("backend")
        do = f"choose backend={either(usable)}" if usable else f"pip install {either(absent_packages())}"
        raise ConfigError(
            f"backend: no engine is chosen; {do}; backends: {', '.join(usable) or 'none installed'}"
        )
    found = {kind: registry.info(kind, str(values.get(key))) for kind, key in NAMES.items()}
    engines, engine = found["model"].backends, found["backend"].name
    if engines and engine not in engines:
        raise ConfigError(
            f"model={found['model'].name} runs on backend {' or '.join(engines)} alone, found backend={engine}; "
            f"choose backend={engines[0]} or a portable model"
        )


def leaves(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted key, value) of everything that isn't a node with keys."""
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
