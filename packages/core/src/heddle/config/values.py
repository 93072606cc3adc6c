"""What is stated of a configuration's keys, and checks of all of its values, wherever they come from."""

from collections.abc import Iterator, Mapping
from typing import Any

from heddle.config.run import NAMED, RunConfig, key_of_name, options_of
from heddle.config.upgrade import RENAMED
from heddle.engines.plugins import Registry
from heddle.engines.plugins.packages import absent_packages
from heddle.engines.plugins.registry import either
from heddle.errors import ConfigError, HeddleError, nearest
from heddle.options import Key, keys_of
from heddle.options.faults import fault, type_of

Keys = Mapping[str, Key]
"""Dotted name of a key, "optim.lr", -> what its value may be."""

NAMES = {
    plugin_kind: f"{node}.{key_of_name(node)}" for node, plugin_kind in NAMED.items() if node != "deploy"
}
"""Kinds of what plugins bring, and the key that names one."""


def stated_keys(config: Mapping[str, Any], registry: Registry, extra: Mapping[str, type] = {}) -> Keys:
    """Return what is stated of a configuration's keys: by core of its own, by plugins of those of what it names.

    Nothing is stated below a node whose plugin can't be loaded, so that its keys aren't taken for unknown ones.

    Args:
        extra: name -> dataclass of the nodes that a command has besides a run's.
    """
    stated = dict(keys_of(RunConfig))
    for node in NAMED:
        if isinstance(config.get(node), Mapping):
            try:
                cls = options_of(node, config[node], registry)
            except HeddleError:  # reported by `check_names`, where the name matters
                stated = {key: of for key, of in stated.items() if not key.startswith(f"{node}.")}
                continue
            stated |= {f"{node}.{key}": of for key, of in keys_of(cls).items()}
    for node, cls in extra.items():
        stated |= {f"{node}.{key}": of for key, of in keys_of(cls).items()}
    return stated


def fault_of(name: str, value: Any, default: Any, keys: Keys) -> str:
    """Say what is wrong with a value, as `keys` state it or else as its default has it; "" if nothing is."""
    below = entry_of(name, keys)
    if below is not None:
        node, cls = below
        stated = keys_of(cls).get(name.removeprefix(f"{node}."))
        if name == node:  # what isn't a node with keys; `build` says so
            return ""
        if stated is None:
            return unknown(name, [f"{node}.{key}" for key in keys_of(cls)])
        return fault(name, value, stated.default, stated)
    return fault(name, value, default, keys[name] if name in keys else _like(default))


def entry_of(name: str, keys: Keys) -> tuple[str, type] | None:
    """Return the node that a key is, or stands in, of a dict of nodes, and its dataclass; None for other keys.

    As "optim.groups.codes" and ParamGroup of "optim.groups.codes.lr".
    """
    parts = name.split(".")
    for depth in range(1, len(parts)):
        above = keys.get(".".join(parts[:depth]))
        if above is not None and above.entries is not None:
            return ".".join(parts[: depth + 1]), above.entries
    return None


def check_values(config: Mapping[str, Any], keys: Keys) -> None:
    """Check that the nodes of a configuration have no other keys than `keys` state, and their values.

    Raises:
        ConfigError: the first fault.
    """
    for name, value in leaves(config):
        message = ""
        if name in keys or entry_of(name, keys):
            message = fault_of(name, value, keys[name].default if name in keys else None, keys)
        elif "." in name and not _is_open(name, keys) and _is_stated(name, keys):
            message = unknown(name, [key for key in keys if key.startswith(f"{name.partition('.')[0]}.")])
        if message:
            raise ConfigError(message)


def unknown(name: str, known: list[str]) -> str:
    """Say that a key is unknown."""
    if name in RENAMED:
        return renamed(name)
    return f"{name} is unknown{nearest(name, known) or ';'} keys: {', '.join(known)}"


def renamed(name: str) -> str:
    """Say what a key of an earlier version is called now."""
    return f"{name} is called {RENAMED[name]} now; write {RENAMED[name]}=..."


def check_names(config: Mapping[str, Any], registry: Registry) -> None:
    """Check that the engine, model, dataset and tracker of a configuration are installed, usable and fit each other.

    Raises:
        ConfigError, PluginError: as `Registry.info`; ConfigError too for a model that the engine can't train.
    """
    values = dict(leaves(config))
    if "backend.name" not in values:
        backends = registry.names("backend")
        do = f"choose backend={either(backends)}" if backends else f"pip install {either(absent_packages())}"
        raise ConfigError(
            f"backend: no engine is chosen; {do}; backends: {', '.join(backends) or 'none installed'}"
        )
    infos = {name: registry.info(name, str(values.get(key))) for name, key in NAMES.items()}
    engines, engine = infos["model"].backends, infos["backend"].name
    if engines and engine not in engines:
        raise ConfigError(
            f"model={infos['model'].name} runs on backend {' or '.join(engines)} alone, found backend={engine}; "
            f"choose backend={engines[0]} or a portable model"
        )


def leaves(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted key, value) of everything that isn't a node with keys."""
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _like(default: Any) -> Key:
    """Return what a value may be of which only a default is known: of its type; null takes any."""
    if default is None or (isinstance(default, str) and "${" in default):
        return Key(None, null=True)
    if isinstance(default, list):
        return Key(list, items=type_of(default[0]) if default else None)
    return Key(type_of(default))


def _is_open(name: str, keys: Keys) -> bool:
    """Tell whether a key is below one that takes any keys."""
    parts = name.split(".")
    above = [".".join(parts[:depth]) for depth in range(1, len(parts))]
    return any(key in keys and keys[key].cls is dict for key in above)


def _is_stated(name: str, keys: Keys) -> bool:
    """Tell whether anything is stated of a key's node; a user's own group has nodes of which nothing is stated."""
    return any(key.startswith(f"{name.partition('.')[0]}.") for key in keys)
