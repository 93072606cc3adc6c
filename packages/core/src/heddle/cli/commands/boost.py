"""`heddle boost`: boosted trees beside a trained run."""

from collections.abc import Sequence

from heddle.cli.console import print_table
from heddle.errors import ConfigError, problem

HELP = """\
Usage: heddle boost run=RUN [out=FOLDER] [boost.KEY=VALUE ...]

Grows boosted trees on the columns of what a trained run asks about (rows of a task, nodes, edges), on the run's
embeddings, each as of its question's time, and on both; and says in one table what the graph adds. Classes, labels,
values and rankings, by the run's own metrics, thresholds and splits. It needs the extra boost (xgboost).

  heddle boost run=runs/mine
  heddle boost run=runs/mine boost.depths=[4] boost.rounds=300 boost.external=true

  boost.rounds=800     trees at most; boost.patience=100: without a better validation metric
  boost.depths=[3,4,6] each is tried, and validation chooses; boost.lr, subsample, columns, l2, min_rows: as XGBoost
  boost.external=true  the table stays on disk, in batches
  boost.reasons=1000   test rows whose largest contributions go to reasons.csv
  boost.threads=1      null: all cores; boost.seed: null takes the run's

RUN/boost, or out, holds report.html, boost.json (metrics, intervals, importance), the trees and reasons.csv.
"""


def run(arguments: Sequence[str]) -> int:
    """Grow the trees, print the table and the sentences; return 0.

    Raises:
        HeddleError: no run, one that makes no table, or as `heddle.boost`.
    """
    from pathlib import Path

    from heddle.api.again import boosted

    folder = next((word.partition("=")[2] for word in arguments if word.startswith("run=")), "")
    if not folder:
        raise ConfigError(problem("run", "none", "a trained run's folder", "write run=runs/NAME"))
    made = boosted(Path(folder), [word for word in arguments if not word.startswith("run=")], {})
    names = list(next(iter(made.metrics.values()))["test"])
    for split in ("valid", "test"):
        print_table((split, *names), made.rows(split))
    for sentence in made.verdicts:
        print(sentence)
    print(f"report: {made.folder / 'report.html'}")
    return 0
