"""`heddle bench`: how fast a configuration's steps are, on every engine or in the variants that are asked for."""

from collections.abc import Sequence

from heddle.cli.console import print_table
from heddle.engines.plugins import load_plugins

HELP = """\
Usage: heddle bench [backend=OPTION,OPTION] [GROUP=OPTION | KEY=VALUE,VALUE ...] [bench.rounds=5] [bench.steps=10]

Times training steps of one configuration in one process, on every installed engine that takes it, or in the variants
that the overrides with several values ask for; the others are as for `heddle train`. Variants start from the same
weights, and are timed only after they have predicted the same values.

  heddle bench data=planetoid data.name=cora model=gat
  heddle bench backend=NAME backend.KEY=VALUE,VALUE data=rmat data.scale=14

  bench.rounds=5          of every variant in turn; the best counts
  bench.steps=10          a round
  bench.tolerance=1e-4    share by which predictions may differ; null: any, for variants that are other models

"step" and "predict" are milliseconds on batches that are placed already; "first" is the seconds of a first step,
compilation included; "times" is relative to the fastest; "differs" to the first line's predictions.
"""


def run(arguments: Sequence[str]) -> int:
    """Print the table of variants and the lines of those left out; return 0.

    Raises:
        HeddleError: no engine takes the configuration (the first one's reason), or predictions differ.
    """
    from heddle.api.bench import COLUMNS, measured

    benchmark = measured(arguments, load_plugins())
    print_table(COLUMNS, benchmark.rows)
    for line in benchmark.left_out:
        print(line)
    return 0
