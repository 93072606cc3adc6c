"""`heddle plan`: what each device would hold and send, by each way of splitting a graph."""

from collections.abc import Sequence

from heddle.cli.console import print_table
from heddle.engines.plugins import load_plugins

HELP = """\
Usage: heddle plan [model=OPTION] [sharding.devices=8] [sharding.device_memory=16GB] [data=OPTION | plan.nodes=... ...]

Prints what each device holds, makes and sends in a training step on a whole graph, split by each of the plans that
`heddle train` knows, and which of them sharding=auto takes. From sizes alone, also of a graph that isn't there:

  heddle plan plan.nodes=100000000 plan.edges=1000000000 plan.features=128 model=gat sharding.devices=64

or of the graph of `data`, partitioned by sharding.partition to see its true halo:

  heddle plan data=rmat data.scale=14 model=gcn sharding.devices=4 sharding.device_memory=50MB

  none     one device, for comparison
  edges    every device holds all nodes and a run of the edges; sums are added up across devices
  scatter  every device holds a range of the nodes and a run of the edges
  halo     nodes are partitioned, and the senders that a part misses are sent to it (sharding.cut: share of edges cut)

Of a forecast, with a model that forecasts, of each process:

  windows  every process has the whole graph and a share of the windows
  halo     nodes are partitioned

"holds" lasts between steps; "works" is what a step makes on top, at most; "time" is relative to the fastest.
Without sharding.devices: 8. Exit status 1 if nothing fits into sharding.device_memory.

Of a relational model on the graph of `data` (data=mag model=rgcn) it prints how model.plan takes the sum over each
relation: transform first, aggregate first or by edge, with the estimated microseconds of each way.

Of tables that aren't prepared yet (data=schema data.schema=FILE data.src=FOLDER [data.dst=FOLDER]) it prints what
each engine of heddle data prepare would take of processor and disk, by their size, and which one to take.
"""


def run(arguments: Sequence[str]) -> int:
    """Print the table of plans and which one is taken; return 0.

    Raises:
        BudgetError: nothing fits.
    """
    from heddle.api.data import planned_tables
    from heddle.api.plan import COLUMNS, RELATION_COLUMNS, planned
    from heddle.data.etl.cost import COLUMNS as OF_TABLES

    registry = load_plugins()
    if (cost := planned_tables(arguments, registry)) is not None:
        print_table(OF_TABLES, cost.rows)
        print(cost.verdict)
        return 0
    plans = planned(arguments, registry)
    print(plans.sizes)
    print_table(COLUMNS, plans.rows)
    if plans.halo:
        print(f"halo: measured on {plans.halo} parts")
    print(plans.verdict)
    if plans.choices:
        print(
            f"model.plan={plans.relation_plan}: how sums over relations are taken, and microseconds of each way"
        )
        print_table(RELATION_COLUMNS, plans.relation_rows)
    return 0
