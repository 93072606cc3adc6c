"""serve: a server of a trained run on this machine."""

from pathlib import Path
from typing import Any

from heddle.api.arguments import overrides_of
from heddle.api.run import Run
from heddle.config.isolated import isolated_hydra
from heddle.config.nodes import composed
from heddle.config.prefer import prefer_from, preferring
from heddle.engines.plugins import load_plugins
from heddle.errors import ConfigError, problem
from heddle.serving.running import Running


def serve(run: Run | str | Path | None = None, *overrides: str, **values: Any) -> Running:
    """Start a server of an exported run and return it once it is ready; `heddle deploy launch`.

        run.export()
        with heddle.serve(run, deploy="heddle") as server:
            server.http  # "127.0.0.1:8000"

    Args:
        run: a Run, or its folder, whose repository is served; None with `deploy.repository`.
        overrides, values: `deploy`, as in `train`; deploy=triton needs an environment of its own.

    Raises:
        ConfigError: no server is named, or nothing to serve.
        HeddleError: the server doesn't start.
    """
    folder = run.folder if isinstance(run, Run) else run
    arguments = overrides_of(overrides, values)
    preferred = prefer_from(arguments)
    with preferring(preferred):
        registry = load_plugins(preferred)
        with isolated_hydra():
            node = composed("deploy", arguments, registry, ("deploy", "run", "plugins"))["deploy"]
        if node.name == "none":
            raise ConfigError(problem("deploy", "none", "a server", "choose deploy='triton' or 'heddle'"))
        running: Running = registry.server(node.name)(node, folder)
        return running
