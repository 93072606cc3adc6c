"""The place of a run: a folder that is new, or whose run goes on."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

from heddle.errors import ConfigError
from heddle.workflow.options import Place

if TYPE_CHECKING:
    from heddle.config.run import RunConfig


def check_free(run: Place) -> None:
    """Refuse a `run.dir` that holds a run, finished or not, unless `run.overwrite` is set.

    Raises:
        ConfigError: says whether the run can go on.
    """
    if not run.dir or run.overwrite:
        return
    folder = Path(run.dir)
    if is_finished(folder):
        raise ConfigError(
            f"run.dir: found a finished run in {folder}, expected a free folder; "
            "choose another, or add run.overwrite=true"
        )
    if any((folder / "checkpoints").glob("*.json")):
        raise ConfigError(
            f"run.dir: found an unfinished run in {folder}, expected a free folder; "
            f"go on with `heddle train resume={folder}`, or add run.overwrite=true"
        )
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"run.dir: found a file at {folder}, expected a folder; choose another")


def new_folder(config: "RunConfig") -> Path:
    """Make and return the folder of a new run: `run.dir` without a former run's files, or a fresh one under runs/.

    A fresh one is called <time>-<data>-<model>-<backend>, with a number where that is taken.

    Raises:
        ConfigError: 9999 folders of that name exist, or `run.dir` can't be made.
    """
    if config.run.dir:
        folder = Path(config.run.dir)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"run.dir: found {folder}, which can't be made ({error.strerror}), expected a folder; choose another"
            ) from error
        _clear(folder)
        return folder
    parts = (time.strftime("%Y%m%d-%H%M%S"), config.data.title, config.model.name, config.backend.name)
    stem = "-".join("".join(c if c.isalnum() or c in "._" else "_" for c in str(part)) for part in parts)
    return free_folder(stem)


def free_folder(stem: str) -> Path:
    """Make and return runs/STEM, with a number where that is taken.

    Raises:
        ConfigError: 9999 folders of that name exist.
    """
    for attempt in range(1, 10_000):
        folder = Path("runs") / (stem if attempt == 1 else f"{stem}-{attempt}")
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            continue
    raise ConfigError(
        f"run.dir: found 9999 folders named runs/{stem}, expected a free name; set run.dir=PATH"
    )


def is_finished(folder: Path) -> bool:
    """Tell whether the run of a folder came to its end."""
    return (folder / "metrics.json").exists()


def _clear(folder: Path) -> None:
    """Remove a former run's files, and nothing else, from a folder."""
    names = (
        "metrics.json",
        "metrics.csv",
        "weights.safetensors",
        "predictions.npz",
        "report.html",
        "decision.json",
    )
    patterns = ("checkpoints/epoch-*.*", "tensorboard/events.out.*")
    for path in [
        *map(folder.joinpath, names),
        *(path for pattern in patterns for path in folder.glob(pattern)),
    ]:
        path.unlink(missing_ok=True)
