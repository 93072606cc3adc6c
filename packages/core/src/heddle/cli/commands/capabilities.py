"""What `heddle plugins --verbose` adds: which engine and which model is able to do what."""

from collections.abc import Iterator, Sequence

from heddle.cli.console import print_table
from heddle.config.nodes import composed
from heddle.engines.capabilities import CAPABILITIES, ENGINES, held_by
from heddle.engines.plugins import Registry
from heddle.errors import HeddleError
from heddle.nn.capabilities import MODELS

YES = "yes"


def print_capabilities(registry: Registry) -> None:
    """Print capabilities x engines, as `isinstance` answers, models x capabilities, as stated, and what each means."""
    engines = registry.names("backend")
    cells, reasons = _of_engines(registry, engines)
    print_table(("capability", *engines), [(one.name, *row) for one, row in zip(ENGINES, cells, strict=True)])
    for name, reason in reasons.items():
        print(f"{name}: {reason}")
    names = [capability.name for capability in MODELS]
    print_table(
        ("model", *names, "engines"),
        [
            (
                name,
                *(YES if wanted in registry.info("model", name).capabilities else "" for wanted in names),
                ", ".join(registry.info("model", name).backends) or "any",
            )
            for name in registry.names("model")
        ],
        prose=True,
    )
    print_table(
        ("of", "capability", "one that ...", "protocol of heddle.engines.capabilities"),
        meanings(),
        prose=True,
    )


def meanings() -> Iterator[tuple[str, str, str, str]]:
    """Yield (kind, name, what it means, name of its Protocol) of every capability."""
    for plugin_kind, capabilities in CAPABILITIES.items():
        for capability in capabilities:
            protocol = capability.protocol.__name__ if capability.protocol else ""
            yield plugin_kind, capability.name, capability.summary, protocol


def _of_engines(registry: Registry, engines: Sequence[str]) -> tuple[list[list[str]], dict[str, str]]:
    """Return a row for each capability with a cell for each engine, which is loaded for it, and why some can't be."""
    columns, reasons = [], {}
    for name in engines:
        try:
            columns.append(_column(registry, name))
        except HeddleError as error:
            columns.append(["?" for _ in ENGINES])
            reasons[name] = str(error)
    return [[column[row] for column in columns] for row in range(len(ENGINES))], reasons


def _column(registry: Registry, name: str) -> list[str]:
    stated = registry.info("backend", name).capabilities
    options = composed("config", [f"backend={name}"], registry, ("backend",))["backend"]
    held = held_by(registry.backend(options))
    cells = {(True, True): YES, (True, False): "not stated", (False, True): "stated only"}
    return [cells.get((one.name in held, one.name in stated), "") for one in ENGINES]
