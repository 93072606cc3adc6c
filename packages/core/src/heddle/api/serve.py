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
from heddle.serving.online.options import serve_options
from heddle.serving.running import Running


def serve(run: Run | str | Path | None = None, *overrides: str, **values: Any) -> Running:
    """Start a server of an exported run and return it once it is ready; `heddle serve`, or `heddle deploy launch`.

        run.export()
        with heddle.serve(run, **{"serve.rows": 100}) as server:
            server.http  # "http://127.0.0.1:49152"

    Args:
        run: a Run, or its folder, whose bundle is served; None with `deploy.bundle` or `deploy.repository`.
        overrides, values: `serve`, and `deploy`, as in `train`; deploy=triton starts Triton, in an environment of its
            own. A free port is taken unless `serve.port` names one.

    Raises:
        ConfigError: no server is named, or nothing to serve.
        HeddleError: the server doesn't start.
    """
    folder = run.folder if isinstance(run, Run) else run
    given = overrides_of(overrides, values)
    settings = [word for word in given if word.startswith("serve.")]
    arguments = [word for word in given if word not in settings]
    if not any(word.startswith("deploy=") for word in arguments):
        arguments.insert(0, "deploy=heddle")
    preferred = prefer_from(arguments)
    with preferring(preferred):
        registry = load_plugins(preferred)
        with isolated_hydra():
            node = composed("deploy", arguments, registry, ("deploy", "run", "plugins"))["deploy"]
        if node.name == "none":
            raise ConfigError(problem("deploy", "none", "a server", "choose deploy='heddle' or 'triton'"))
        start: Any = registry.server(node.name)
        running: Running
        if node.name == "heddle":
            running = start(node, folder, serve_options(["serve.port=0", *settings]))
        elif settings:
            raise ConfigError(problem(settings[0], node.name, "deploy=heddle, which has it", "leave it out"))
        else:
            running = start(node, folder)
        return running
