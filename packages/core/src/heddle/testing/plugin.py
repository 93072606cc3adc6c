"""The pytest plugin: `--heddle-backend NAME` and `--heddle-option KEY=VALUE` choose what the kit is run on."""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from heddle.engines.backend import Backend

REFERENCE = "reference"
_KEY: pytest.StashKey[Any] = pytest.StashKey()

pytest.register_assert_rewrite("heddle.testing.suites", "heddle.testing.cases", "heddle.testing.compare")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the kit's options."""
    group = parser.getgroup("heddle", "the conformance kit, pytest --pyargs heddle.testing")
    group.addoption(
        "--heddle-backend",
        default=REFERENCE,
        metavar="NAME",
        help="installed backend to prove; by default heddle's own reference in numpy",
    )
    group.addoption(
        "--heddle-option",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="an option of the backend's config node, such as device=cuda; may be repeated",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a backend that can't be used before anything is collected, in one line."""
    if config.getoption("heddle_backend") != REFERENCE:
        chosen_backend(config)


def chosen_backend(config: pytest.Config) -> "Backend":
    """Return the backend that the command line names, built once.

    Raises:
        pytest.UsageError: it isn't installed, can't be used, or has no such option.
    """
    if _KEY not in config.stash:
        config.stash[_KEY] = _build(config.getoption("heddle_backend"), config.getoption("heddle_option"))
    result: Backend = config.stash[_KEY]
    return result


def _build(name: str, options: list[str]) -> "Backend":
    from heddle.errors import HeddleError
    from heddle.testing.reference_backend import ReferenceBackend

    if name == REFERENCE:
        return ReferenceBackend()
    try:
        return _installed(name, options)
    except HeddleError as error:
        raise pytest.UsageError(f"--heddle-backend={name}: {error}") from error


def _installed(name: str, options: list[str]) -> "Backend":
    """Build a backend from its own config node, as `heddle train backend=NAME backend.KEY=VALUE` would."""
    from heddle.config.nodes import composed
    from heddle.engines.plugins import load_plugins

    registry = load_plugins()
    registry.info("backend", name)
    arguments = [f"backend={name}", *(f"backend.{option}" for option in options)]
    return registry.backend(composed("config", arguments, registry, ("backend",))["backend"])
