"""`heddle sweep`: a search for good settings, one training run a trial."""

from collections.abc import Sequence

HELP = """\
Usage: heddle sweep KEY=VALUES ... [GROUP=OPTION | KEY=VALUE ...] [sweep.trials=20] [sweep.metric=valid.accuracy]

Searches where several values are given, and trains once a trial; other overrides are as for `heddle train`. Each run
has a numbered folder below the one whose path is the last line, where sweep.json lists the trials, the best first.

  heddle sweep model.hidden=16,32 'optim.lr=tag(log, interval(0.001,0.1))' sweep.trials=20
  heddle sweep model=gcn,gat 'model.layers=range(1,4)' data=planetoid sweep.metric=valid.loss

VALUES: a,b,c or choice(a,b,c); range(start,stop,step); interval(low,high), whole numbers where the key takes them;
tag(log, interval(low,high)) is even in the logarithm. Without intervals, and with as many trials as there are
combinations, every combination is tried once; otherwise optuna's TPE chooses.

  sweep.trials=20        runs at most
  sweep.metric=auto      the metric that decides; auto: the task's first metric on the valid split
  sweep.direction=auto   maximize or minimize
  sweep.seed=0           of the search; the runs' own is seed=0
  run.dir=FOLDER         of the runs; default: runs/sweep-<time>
"""


def run(arguments: Sequence[str]) -> int:
    """Search, print the trials and, last, the folder; return 0.

    Raises:
        HeddleError: optuna isn't installed, or every trial failed.
    """
    from heddle.api.sweep import searched
    from heddle.cli.console import print_table
    from heddle.engines.plugins import load_plugins

    search = searched(arguments, load_plugins())
    print_table(search.head, search.rows)
    print(f"best: {search.best_folder}, as by heddle train {search.best_words}")
    print(search.folder)
    return 0
