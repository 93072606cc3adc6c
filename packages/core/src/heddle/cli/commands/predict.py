"""`heddle predict`: write what a trained run predicts, also by another engine or for other data."""

from collections.abc import Sequence


def run(arguments: Sequence[str]) -> int:
    """Run Hydra's command line on `arguments`; return the exit status."""
    from heddle.cli import job
    from heddle.cli.hydra_app import App, run_app

    return run_app(App("predict", "predict", job.predict, of_run=True), arguments)
