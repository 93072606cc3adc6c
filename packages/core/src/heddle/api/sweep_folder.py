"""The folder of a sweep: where its runs go."""

import time
from collections.abc import Sequence
from pathlib import Path

from hydra.core.override_parser.types import Quote, QuotedString

from heddle.workflow.folder import free_folder

RUN_DIR = "run.dir="
SWEEP_DIR = "hydra.sweep.dir="


def sweep_folder(overrides: Sequence[str]) -> tuple[list[str], Path | None]:
    """Return the overrides of a sweep with the folder of its runs, which are numbered below it, and that folder.

    The folder is what `run.dir` names, since one folder can't hold several runs, or `hydra.sweep.dir`, or a new one
    under runs/. Where either has other keys in it (`run.dir=runs/${seed}`) nothing is changed and the folder is None.
    """
    for start in (RUN_DIR, SWEEP_DIR):
        named = [text.lstrip("+").removeprefix(start) for text in overrides if _names(text, start)]
        if named:
            if any("${" in name or "," in name or "(" in name for name in named):
                return list(overrides), None
            folder = Path(named[-1].strip("\"'"))
            break
    else:
        folder = free_folder(time.strftime("sweep-%Y%m%d-%H%M%S"))
    rest = [text for text in overrides if not _names(text, RUN_DIR, SWEEP_DIR)]
    return [*rest, SWEEP_DIR + QuotedString(str(folder), Quote.double).with_quotes()], folder


def _names(text: str, *starts: str) -> bool:
    return text.lstrip("+").startswith(starts)
