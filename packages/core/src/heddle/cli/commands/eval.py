"""`heddle eval`: measure a trained run again, also on another engine or other data."""

from collections.abc import Sequence


def run(arguments: Sequence[str]) -> int:
    """Run Hydra's command line on `arguments`; return the exit status."""
    from heddle.cli import job
    from heddle.cli.hydra_app import App, run_app

    return run_app(App("eval", "eval", job.evaluate, of_run=True), arguments)
