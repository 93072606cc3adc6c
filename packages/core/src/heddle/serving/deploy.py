"""deploy: what `heddle deploy` does: export a run, start a server, build the environment of the real Triton."""

import logging
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from heddle.data.formats.text_files import fail
from heddle.data.reader_options import PreparedOptions
from heddle.errors import ConfigError, problem
from heddle.options import DeployOptions, ServerOptions
from heddle.serving.bundle.export import NoRowsError, card_of, check_free, export_bundle
from heddle.serving.bundle.layout import read_bundle
from heddle.serving.bundle.programs import PROGRAMS, REPOSITORY, exported_in, write_programs
from heddle.serving.bundle.tensors import served_rows
from heddle.serving.drift.counts import read_all
from heddle.serving.drift.report import report, text
from heddle.serving.environment import (
    build_environment,
    check_environment,
    default_environment,
    platforms_of,
)
from heddle.serving.export import export_model
from heddle.serving.online.options import ServeOptions
from heddle.serving.options import TritonServer
from heddle.serving.repository import write_repository
from heddle.serving.running import Running, launch, serve_bundle

if TYPE_CHECKING:
    from heddle.config.run import RunConfig

log = logging.getLogger(__name__)


def export(deploy: DeployOptions, run: Path, config: "RunConfig", registry: Any) -> Path:
    """Export a trained run as a bundle, and the Triton repository that asks it, and return the bundle's folder.

    A run on a prepared folder gives a bundle whose rows are scored; another, a program of ids in and outputs out.

    Args:
        run: the run's folder.
        config: the run's configuration.

    Raises:
        ConfigError: `deploy` serves nothing; neither rows nor ids can be answered by the run; a bundle is there.
        DataError: no trees, where they are to answer.
    """
    if not isinstance(deploy, ServerOptions):
        raise ConfigError(problem("deploy", deploy.name, "a server", "choose deploy=heddle or deploy=triton"))
    root = bundle_of(deploy, run)
    check_free(root, deploy.overwrite)
    trees = None if deploy.trees is None else Path(deploy.boost or run / "boost") / f"{deploy.trees}.json"
    flavour = deploy.flavour if isinstance(deploy, TritonServer) else "python"
    try:
        export_bundle(config, run, registry, root, name=deploy.model, trees=trees, overwrite=deploy.overwrite)
        served = served_rows(root, deploy.max_batch)
        write_repository(root / REPOSITORY, [served], flavour, overwrite=True)
    except NoRowsError as error:
        if trees is not None:
            raise
        try:
            served, parts = export_model(config, run, registry, deploy.model, deploy.max_batch)
        except ConfigError as other:
            raise (error if isinstance(config.data, PreparedOptions) else other) from other
        if isinstance(config.data, PreparedOptions):
            log.warning("rows can't be scored by this run, so ids of nodes are asked about: %s", error)
        write_programs(root, served, {"model": config.model.name, **card_of(parts, run)}, flavour)
    if isinstance(deploy, TritonServer) and deploy.repository:
        write_repository(deploy.repository, [served], flavour, overwrite=deploy.overwrite)
    return root


def bundle_of(deploy: ServerOptions, run: str | Path | None) -> Path:
    """Return the folder of a run's bundle. Raises ConfigError: neither a run nor deploy.bundle is named."""
    if deploy.bundle is None and run is None:
        raise ConfigError(problem("deploy.bundle", "none", "an exported run", "write run=RUN"))
    return Path(deploy.bundle or Path(str(run)) / "bundle").expanduser()


def start(deploy: TritonServer, run: str | Path | None = None) -> Running:
    """Start Triton on a repository, or on the one in a bundle, and return it once it is ready.

    Raises:
        ConfigError: neither deploy.repository nor an exported run.
    """
    repository = deploy.repository
    if repository is None:
        if deploy.bundle is None and run is None:
            do = "write deploy.repository=FOLDER, or run=RUN"
            raise ConfigError(problem("deploy.repository", "none", "a folder of exported models", do))
        bundle = bundle_of(deploy, run)
        before = None if run is None else Path(run) / REPOSITORY  # where 0.1.0 exported to
        repository = str(
            before if before and before.is_dir() and not bundle.is_dir() else bundle / REPOSITORY
        )
    ports = {name: getattr(deploy, f"{name}_port") or 0 for name in ("http", "grpc", "metrics")}
    return launch(repository, "triton", ports=ports, environment=deploy.environment, timeout=deploy.timeout)


def serve(
    deploy: ServerOptions, run: str | Path | None = None, options: ServeOptions | None = None
) -> Running:
    """Start `heddle serve` on an exported run as a process of its own, and return it once it is ready.

    Args:
        options: the `serve` node; None for its defaults, on a free port.
    """
    given = options or ServeOptions(port=0)
    default = ServeOptions()
    settings = {
        field.name: getattr(given, field.name)
        for field in fields(given)
        if getattr(given, field.name) != getattr(default, field.name)
    }
    port = settings.pop("port", 0 if options is None else options.port)
    return serve_bundle(bundle_of(deploy, run), settings, port=port)


def drift(deploy: ServerOptions, run: str | Path | None = None) -> str:
    """Return, as lines, how what `heddle serve` was asked of a bundle lies against training, the last days.

    Raises:
        ConfigError: neither a run nor deploy.bundle.
        DataError: no bundle of rows, or one without a summary of training.
    """
    root = bundle_of(deploy, run)
    if exported_in(root).holds == PROGRAMS:
        fail(root, "a program that is asked by ids", "a bundle whose rows are scored", "see docs/serving.md")
    training = read_bundle(root).training
    if training is None:
        do = "export the run again with deploy.overwrite=true"
        fail(root, "a bundle without a summary of training", "one with it", do)
    return text(report(read_all(training, root), deploy.days))


def environment(deploy: ServerOptions) -> Path:
    """Build the environment that Triton runs in, unless it is fit already, and return it."""
    from heddle.errors import PluginError

    given = deploy.environment if isinstance(deploy, TritonServer) else None
    repository = deploy.repository if isinstance(deploy, TritonServer) else None
    folder = Path(given or default_environment()).expanduser()
    served = platforms_of(Path(repository).expanduser()) if repository else []
    platforms = sorted({"torch", "xgboost", *served})
    try:
        check_environment(folder, platforms)
    except PluginError:
        build_environment(folder, platforms)
    return folder
