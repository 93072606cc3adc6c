"""What `heddle plugins --verbose` adds: which engine and which model is able to do what."""

from collections.abc import Iterator

from heddle.cli.console import print_table
from heddle.config.nodes import composed
from heddle.engines.capabilities import CAPABILITIES, ENGINES, held_by
from heddle.engines.plugins import Registry
from heddle.errors import HeddleError
from heddle.nn.capabilities import MODELS

YES = "yes"


def print_capabilities(registry: Registry) -> None:
    """Print engines x capabilities, as `isinstance` answers, models x capabilities, as stated, and what each means."""
    names = [capability.name for capability in ENGINES]
    print_table(
        ("engine", *names, "reason"), [(name, *_row(registry, name)) for name in registry.names("backend")]
    )
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
    )
    print_table(("of", "capability", "one that ...", "protocol of heddle.engines.capabilities"), meanings())


def meanings() -> Iterator[tuple[str, str, str, str]]:
    """Yield (kind, name, what it means, name of its Protocol) of every capability."""
    for kind, capabilities in CAPABILITIES.items():
        for capability in capabilities:
            protocol = capability.protocol.__name__ if capability.protocol else ""
            yield kind, capability.name, capability.summary, protocol


def _row(registry: Registry, name: str) -> list[str]:
    """Return a cell for each capability of an engine, which is loaded for it, and the reason where it can't be."""
    stated = registry.info("backend", name).capabilities
    try:
        options = composed("config", [f"backend={name}"], registry, ("backend",))["backend"]
        held = held_by(registry.backend(options))
    except HeddleError as error:
        return [*("?" for _ in ENGINES), str(error)]
    cells = {(True, True): YES, (True, False): "not stated", (False, True): "stated only"}
    return [
        *(cells.get((one.name in held, one.name in stated), "") for one in ENGINES),
        "",
    ]
