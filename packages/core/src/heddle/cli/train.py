"""`heddle train`: train a model, or several with -m."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from heddle.errors import ConfigError

if TYPE_CHECKING:
    from heddle.config.overrides import Word


def run(arguments: Sequence[str]) -> int:
    """Run Hydra's command line on `arguments`; return the exit status."""
    from heddle.cli import job
    from heddle.cli.hydra_app import App, run_app

    return run_app(App("train", "config", job.train, _check_resume), arguments)


def _check_resume(words: "Sequence[Word]") -> None:
    """Refuse other keys beside `resume`: a run goes on as it was begun, or its figures would mean nothing."""
    resumes = [word for word in words if word.key == "resume" and word.values != (None,)]
    others = [word.text for word in words if word.key != "resume" and not word.is_hydras]
    if resumes and others:
        raise ConfigError(
            f"{resumes[0].text} goes on with that run by its own configuration; leave out {' '.join(others)}, "
            "or start a new run without resume"
        )
