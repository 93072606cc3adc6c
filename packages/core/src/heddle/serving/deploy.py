"""deploy: what `heddle deploy` does: export a run, start a server, build the environment of the real Triton."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from heddle.errors import ConfigError, problem
from heddle.options import DeployOptions, ServerOptions
from heddle.serving.environment import (
    build_environment,
    check_environment,
    default_environment,
    platforms_of,
)
from heddle.serving.export import export_model
from heddle.serving.options import HeddleServer, TritonServer
from heddle.serving.repository import write_repository
from heddle.serving.running import Running, launch

if TYPE_CHECKING:
    from heddle.config.run import RunConfig


def export(deploy: DeployOptions, run: Path, config: "RunConfig", registry: Any) -> Path:
    """Export a trained run into a repository and return the repository.

    Args:
        run: the run's folder.
        config: the run's configuration.

    Raises:
        ConfigError: `deploy` serves nothing.
    """
    if not isinstance(deploy, ServerOptions):
        raise ConfigError(problem("deploy", deploy.name, "a server", "choose deploy=triton or deploy=heddle"))
    served = export_model(config, run, registry, deploy.model, deploy.max_batch)
    repository = deploy.repository or run / "repository"
    return write_repository(repository, [served], deploy.flavour, overwrite=deploy.overwrite)


def start(deploy: HeddleServer, run: str | Path | None = None) -> Running:
    """Start the server that a `deploy` node names and return it once it is ready.

    Raises:
        ConfigError: neither deploy.repository nor a run with an exported model.
    """
    repository = deploy.repository or (None if run is None else Path(run) / "repository")
    if repository is None:
        do = "write deploy.repository=FOLDER, or run=RUN"
        raise ConfigError(problem("deploy.repository", "none", "a folder of exported models", do))
    ports, folder = {"http": deploy.http_port or 0}, None
    if isinstance(deploy, TritonServer):
        ports |= {"grpc": deploy.grpc_port or 0, "metrics": deploy.metrics_port or 0}
        folder = deploy.environment
    return launch(repository, deploy.name, ports=ports, environment=folder, timeout=deploy.timeout)


def environment(deploy: ServerOptions) -> Path:
    """Build the environment that Triton runs in, unless it is fit already, and return it."""
    from heddle.errors import PluginError

    given = deploy.environment if isinstance(deploy, TritonServer) else None
    folder = Path(given or default_environment()).expanduser()
    served = platforms_of(Path(deploy.repository).expanduser()) if deploy.repository else []
    platforms = sorted({"torch", "xgboost", *served})
    try:
        check_environment(folder, platforms)
    except PluginError:
        build_environment(folder, platforms)
    return folder
