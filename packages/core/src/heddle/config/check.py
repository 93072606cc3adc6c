"""Checks of a command line before anything heavy is imported; each fault is one sentence with the nearest name."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from heddle.config.compose import Composer
from heddle.config.overrides import Word
from heddle.config.run import NAMED, key_of_name, nodes, options_of
from heddle.config.upgrade import RENAMED
from heddle.config.values import (
    Keys,
    check_names,
    check_values,
    entry_of,
    fault_of,
    leaves,
    renamed,
    stated_keys,
)
from heddle.engines.plugins import Registry
from heddle.errors import ConfigError, HeddleError, closest, nearest
from heddle.options import node_of

OPTIONAL = ("experiment",)
"""Groups that may be left empty."""

OF_RUN = ("data", "backend")
"""Groups of which another option can be chosen for a trained run."""

CHANGEABLE = ("data", "backend", "task", "trainer", "sharding")
"""Nodes of a trained run's configuration whose keys may be changed without changing what was learned."""


def check(
    overrides: Sequence[Word],
    composer: Composer,
    registry: Registry,
    *,
    usable: bool,
    saved: Mapping[str, Any] | None = None,
    extra: Mapping[str, type] = {},
) -> list[str]:
    """Check overrides against the groups, keys and types that core and the plugins know, and return them for Hydra.

    Every option of a sweep is checked, so that the last of many runs doesn't fail for a name. A key that the composed
    files leave to its default, or below an empty node, which is open for keys of its user's, comes back with "++"
    before it, as Hydra wants it.

    Args:
        usable: whether what is named must be usable here.
        saved: the configuration of the trained run that the overrides are about.
        extra: name -> dataclass of the nodes that the command has besides a run's.

    Raises:
        ConfigError: an unknown group, option or key, or a value of another type.
        PluginError: an option belongs to a plugin that can't be used here.
    """
    groups = composer.groups() if saved is None else list(OF_RUN)
    chosen = [word for word in overrides if word.key in groups]
    values = [
        word for word in overrides if word.key not in groups and not word.is_hydras and not word.package
    ]
    hydras = [word.text for word in overrides if word.is_hydras and not word.is_sweep]
    for word in chosen:
        _check_option(word, composer, registry)
    earlier = dict(saved or {})
    added: set[Word] = set()
    for choice in _choices(chosen):
        config = composer.compose([*choice, *hydras])
        composed = _tree(config)
        kept = {key: earlier[key] for key in CHANGEABLE if key in earlier} | composed
        keys = stated_keys({**earlier, **kept}, registry, extra)
        tree = _completed(kept, registry)
        if any(word.key == "experiment" for word in chosen):
            _check_experiment(config, tree, composer, registry, keys)
        check_values(tree, keys)
        if usable:
            check_names({**earlier, **tree}, registry)
        for word in values:
            _check_value(word, tree, groups, keys)
        added |= {word for word in values if not _find(word.key, composed)[1]}
    return [f"++{word.text.lstrip('+')}" if word in added else word.text for word in overrides]


def _check_option(word: Word, composer: Composer, registry: Registry) -> None:
    """Check that what is chosen of a group is among its options."""
    group, options = word.key, composer.options(word.key)
    listed = f"choices for {group}: {', '.join(options) or 'none installed'}"
    if group in OPTIONAL and (word.prefix == "~" or word.values == (None,)):
        return
    if word.prefix == "~":
        raise ConfigError(f"{word.text!r} takes away what every run needs; {listed}")
    if not word.values:
        raise ConfigError(f"{word.text!r} matches nothing; {listed}")
    for value in word.values:
        if group in NAMED and value in registry.names(NAMED[group]):
            registry.options(NAMED[group], value)  # or says why it can't be loaded
        if isinstance(value, str) and (value in options or "/" in value):
            continue
        if group in NAMED and isinstance(value, str):
            registry.explain(NAMED[group], value)
        shown = "null" if value is None else value
        hint = nearest(str(shown), options) or ";"
        raise ConfigError(f"{group}={shown} is unknown{hint} {listed}{registry.unheard()}")


def _choices(chosen: Sequence[Word]) -> Iterator[list[str]]:
    """Yield lists of group overrides in which each option of each sweep comes up; one list if there is no sweep."""

    def spelt(word: Word, value: Any) -> str:
        return f"{word.override.get_key_element()}={'null' if value is None else value}"

    first = [word.text if word.prefix == "~" else spelt(word, word.values[0]) for word in chosen]
    yield first
    for position, word in enumerate(chosen):
        for value in word.values[1:]:
            yield [*first[:position], spelt(word, value), *first[position + 1 :]]


def _check_experiment(
    config: DictConfig, tree: Mapping[str, Any], composer: Composer, registry: Registry, keys: Keys
) -> None:
    """Check that an experiment's file only sets keys that there are without it, to values of their types."""
    chosen = {group: choice for group, choice in config.hydra.runtime.choices.items() if "/" not in group}
    name = chosen.pop("experiment", None)
    if name is None:
        return
    overrides = [f"{group}={choice}" for group, choice in chosen.items() if choice is not None]
    without = _completed(_tree(composer.compose(overrides)), registry)
    known = dict(leaves(without))
    for key, value in leaves(tree):
        message = (
            fault_of(key, value, known[key], keys)
            if key in known
            else _unknown(key, without, [])
            if not _open(key, without)
            else ""
        )
        if message:
            raise ConfigError(f"experiment={name}: {message}")


def _check_value(word: Word, tree: Mapping[str, Any], groups: Sequence[str], keys: Keys) -> None:
    """Check one `key=value`; anything goes below a node that is open."""
    default, known = _find(word.key, tree)
    if entry_of(word.key, keys) or (word.key in keys and keys[word.key].entries):
        for value in word.values:
            check_values({word.key: value}, keys)
        return
    if not known and not _open(word.key, tree):
        raise ConfigError(_unknown(word.key, tree, groups))
    if word.prefix == "~":
        raise ConfigError(
            f"{word.text!r} takes away a key that every run has; set it instead: {word.key}=..."
        )
    if known and word.prefix == "+":
        raise ConfigError(f"{word.text!r} adds a key that is there; write {word.text[1:]}")
    for value in word.values if known else ():
        _check_against(word.key, value, default, tree, keys)


def _check_against(key: str, value: Any, default: Any, tree: Mapping[str, Any], keys: Keys) -> None:
    """Check a value of any depth against its default; what interpolates another key is left until it is resolved."""
    if isinstance(value, dict) and isinstance(default, Mapping):
        for name, entry in value.items() if default else ():
            if name not in default:
                raise ConfigError(_unknown(f"{key}.{name}", tree, []))
            _check_against(f"{key}.{name}", entry, default[name], tree, keys)
        return
    message = fault_of(key, value, default, keys)
    if message:
        raise ConfigError(message)


def _tree(config: DictConfig) -> dict[str, Any]:
    """Return a composed configuration as plain dicts, nothing resolved, without Hydra's own settings."""
    tree: Any = OmegaConf.to_container(config, resolve=False)
    return {key: value for key, value in tree.items() if key != "hydra"}


def _completed(tree: Mapping[str, Any], registry: Registry) -> dict[str, Any]:
    """Return a configuration with the defaults of what its files leave out."""
    completed = dict(tree)
    for name in nodes():
        node = tree.get(name)
        if isinstance(node, Mapping):
            try:
                cls = options_of(name, node, registry)
            except HeddleError:
                continue  # reported by `check_names`, where the name matters
            completed[name] = _over(node_of(cls, str(node.get(key_of_name(name), ""))), node)
    return completed


def _over(defaults: Mapping[str, Any], node: Mapping[str, Any]) -> dict[str, Any]:
    """Return a node over its defaults; keys that only the node has stay."""
    over = {**defaults, **node}
    for key, value in node.items():
        default = defaults.get(key)
        if isinstance(value, Mapping) and isinstance(default, Mapping):
            over[key] = _over(default, value)
    return over


def _find(key: str, tree: Mapping[str, Any]) -> tuple[Any, bool]:
    """Return (the value at a dotted key, True), or (None, False) if there is none."""
    node: Any = tree
    for part in key.split("."):
        if not isinstance(node, Mapping) or part not in node:
            return None, False
        node = node[part]
    return node, True


def _open(key: str, tree: Mapping[str, Any]) -> bool:
    """Tell whether a key is below a node without keys, `{}`, which takes any."""
    parts = key.split(".")
    return any(_find(".".join(parts[:depth]), tree) == ({}, True) for depth in range(1, len(parts)))


def _unknown(key: str, tree: Mapping[str, Any], groups: Sequence[str]) -> str:
    """Say that a key is unknown, with the nearest one and all that are beside it."""
    if key in RENAMED:
        return renamed(key)
    parent: list[str] = []
    node: Any = tree
    for part in key.split("."):
        if not isinstance(node, Mapping):
            return f"{key} is unknown; {'.'.join(parent)} is a value and has no keys"
        if part not in node:
            break
        parent, node = [*parent, part], node[part]
    beside = sorted({*node, *(() if parent else groups)})
    meant = [name for name, _ in leaves(tree) if name.rpartition(".")[2] == key]
    close = closest(key.split(".")[len(parent)], beside)
    meant += [".".join([*parent, close])] if close else []
    hint = f"; did you mean {meant[0]!r}?" if meant else ";"
    return f"{key} is unknown{hint} keys{' of ' + '.'.join(parent) if parent else ''}: {', '.join(beside)}"
