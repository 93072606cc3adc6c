"""deploy: what `heddle deploy` does: export a run, start a server, build the environment of the real Triton."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from heddle.errors import ConfigError, problem
from heddle.serving.environment import (
    build_environment,
    check_environment,
    default_environment,
    platforms_of,
)
from heddle.serving.export import export_model
from heddle.serving.repository import write_repository
from heddle.serving.running import Running, launch
from heddle.serving.triton import Ports


def export(deploy: Mapping[str, Any], run: str | Path | None, registry: Any) -> Path:
    """Export a trained run into a repository and return the repository.

    Args:
        deploy: the `deploy` config node.
        run: the run's folder.
    """
    if run is None:
        raise ConfigError(problem("run", "none", "a trained run's folder", "write run=runs/NAME"))
    served = export_model(run, registry, deploy["model"], deploy["max_batch"])
    repository = deploy["repository"] or Path(run) / "repository"
    return write_repository(repository, [served], deploy["flavour"], overwrite=deploy["overwrite"])


def start(deploy: Mapping[str, Any], run: str | Path | None = None) -> Running:
    """Start the server that a `deploy` config node names and return it once it is ready."""
    repository = deploy["repository"] or (None if run is None else Path(run) / "repository")
    if repository is None:
        do = "write deploy.repository=FOLDER, or run=RUN"
        raise ConfigError(problem("deploy.repository", "none", "a folder of exported models", do))
    ports = {name: deploy.get(f"{name}_port") or 0 for name in Ports._fields}
    place = deploy.get("environment")
    return launch(repository, deploy["name"], ports=ports, environment=place, timeout=deploy["timeout"])


def environment(deploy: Mapping[str, Any]) -> Path:
    """Build the environment that Triton runs in, unless it is fit already, and return it."""
    from heddle.errors import PluginError

    place = Path(deploy.get("environment") or default_environment()).expanduser()
    served = platforms_of(Path(deploy["repository"]).expanduser()) if deploy["repository"] else []
    platforms = sorted({"torch", "xgboost", *served})
    try:
        check_environment(place, platforms)
    except PluginError:
        build_environment(place, platforms)
    return place
