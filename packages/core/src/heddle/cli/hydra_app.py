"""A command that Hydra runs, after its arguments were checked, so that an error is one line and no traceback."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from heddle.api.sweep_folder import sweep_folder
from heddle.cli.flags import Flags, parse_flags
from heddle.cli.multirun import check_not_written, summarise
from heddle.config.command import checked_overrides
from heddle.config.compose import HYDRA_VERSION, composer, one_sentence, show_hydra
from heddle.config.groups import CONF
from heddle.config.hydra_keys import HydraDoes
from heddle.config.overrides import check_discrete, check_single, parse
from heddle.engines.plugins import Registry, load_plugins
from heddle.errors import ConfigError

Job = Callable[[DictConfig], None]


class App(NamedTuple):
    """A command.

    Attributes:
        name: "train".
        primary: its primary configuration in heddle/conf.
        job: what Hydra calls with a composed configuration, once or for each run of a sweep.
        of_run: whether it works on a trained run, whose folder `run` names, and makes none of its own.
    """

    name: str
    primary: str
    job: Job
    of_run: bool = False


def run_app(app: App, arguments: Sequence[str]) -> int:
    """Check the arguments of a command line, let Hydra run the command, and return the exit status.

    Raises:
        ConfigError, PluginError: see `config.command.checked_overrides`.
    """
    flags = parse_flags(app.name, arguments)
    registry = load_plugins()
    show_hydra(registry, _own_folder(flags))
    overrides = _checked(app, flags, registry)
    if not flags.multirun:
        return _call_hydra(app, flags, overrides)
    failed: list[str] = []
    if app.of_run:
        with TemporaryDirectory() as notes:  # Hydra wants a folder for its own
            status = _call_hydra(app, flags, [*overrides, f"hydra.sweep.dir={notes}"], failed)
            return status or int(bool(failed))
    overrides, folder = sweep_folder(overrides)
    status = _call_hydra(app, flags, overrides, failed)
    if folder and (failed or not status):
        summarise(folder, failed)
    return status or int(bool(failed))


def _call_hydra(app: App, flags: Flags, overrides: Sequence[str], failed: list[str] | None = None) -> int:
    """Let Hydra run the command; return the exit status, which Hydra and `job` give by leaving the process.

    Args:
        failed: filled with a line for each run of a sweep that failed, after which the others are run all the same;
            None for a single run.
    """
    job = app.job if failed is None else _going_on(app, failed)
    with command_line([f"heddle {app.name}", *flags.for_hydra(), *overrides]), one_sentence():
        try:
            hydra.main(str(CONF), app.primary, HYDRA_VERSION)(job)()
        except SystemExit as end:
            return end.code if isinstance(end.code, int) else 0
    return 0


def _going_on(app: App, failed: list[str]) -> Job:
    """Return a command's job for a sweep whose runs are made in this process.

    Its failure, reported already, doesn't end the sweep; nor does it write where an earlier run has.
    """
    written: set[Path] = set()

    @wraps(app.job)
    def going_on(config: DictConfig) -> None:
        hydra_config = HydraConfig.get()
        try:
            check_not_written(app.name, config, hydra_config.runtime.output_dir, written)
            app.job(config)
        except SystemExit:
            if not str(hydra_config.launcher["_target_"]).endswith(".BasicLauncher"):
                raise
            failed.append(f"{hydra_config.job.num}: {' '.join(hydra_config.overrides.task)}")

    return going_on


def _checked(app: App, flags: Flags, registry: Registry) -> list[str]:
    """Return the overrides for Hydra if they are sound, else raise."""
    with composer(app.primary) as made:
        overrides = parse(flags.overrides, made.loader)
        (check_discrete if flags.multirun else check_single)(overrides)
        hydra = HydraDoes.SWEEP if flags.multirun else HydraDoes.RUN
        return checked_overrides(
            app.name, overrides, made, registry, of_run=app.of_run, runs=flags.runs, hydra=hydra
        )


def _own_folder(flags: Flags) -> list[str]:
    """Return the folder of the user's own groups, if one is named."""
    if flags.config_dir is None:
        return []
    if not Path(flags.config_dir).is_dir():
        raise ConfigError(
            f"--config-dir: found no folder {flags.config_dir}, expected one with groups of yours in it"
        )
    return [str(Path(flags.config_dir).absolute())]


@contextmanager
def command_line(arguments: list[str]) -> Iterator[None]:
    """Let Hydra, which reads the process's command line, see `arguments` there."""
    before = sys.argv
    sys.argv = arguments
    try:
        yield
    finally:
        sys.argv = before
