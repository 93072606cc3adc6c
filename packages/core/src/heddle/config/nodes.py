"""composed: the nodes of a command that Hydra doesn't run, with overrides of some of them only."""

from collections.abc import Mapping, Sequence
from typing import Any

from heddle.config.check import check
from heddle.config.compose import composer, plain, show_hydra
from heddle.config.overrides import check_single, parse
from heddle.config.run import nodes as run_nodes
from heddle.config.run import options_of
from heddle.engines.plugins import Registry
from heddle.errors import ConfigError
from heddle.options import build


def composed(
    primary: str,
    overrides: Sequence[str],
    registry: Registry,
    nodes: tuple[str, ...],
    extra: Mapping[str, type] = {},
) -> dict[str, Any]:
    """Return `nodes` of the primary configuration with `overrides`, each as its dataclass; a plain value as it is.

    Args:
        extra: name -> dataclass of the nodes that the command has besides a run's.

    Raises:
        ConfigError: an override of another node than `nodes`, or one that `check` refuses.
    """
    show_hydra(registry, extra=extra)
    with composer(primary) as made:
        parsed = parse(overrides, made.loader)
        check_single(parsed)
        for word in parsed:
            if word.key.partition(".")[0] not in nodes:
                about = " or ".join(f"{node}=... or {node}.KEY=..." for node in nodes[:2])
                raise ConfigError(f"{word.text!r} is not about {nodes[0]}; write {about}")
        tree = plain(made.compose(check(parsed, made, registry, usable=False, extra=extra)))
    built = {name: tree.get(name) for name in nodes}
    for name, node in built.items():
        if isinstance(node, Mapping) and (name in extra or name in run_nodes()):
            cls = extra[name] if name in extra else options_of(name, node, registry)
            built[name] = build(cls, node, name)
    return built
