"""The `boost` node: how trees are grown beside a run."""

from dataclasses import dataclass

from heddle.options import option


@dataclass(frozen=True)
class Boost:
    """Trees on the columns of what a run asks about, alone and beside its embeddings."""

    rounds: int = option(800, "trees at most", least=1)
    patience: int = option(100, "trees without a better validation metric before it stops", least=1)
    depths: tuple[int, ...] = option((3, 4, 6), "each is tried, and validation chooses", least=1)
    lr: float = option(0.03, "what each tree counts", least=0)
    subsample: float = option(0.7, "share of the rows that a tree sees", least=0)
    columns: float = option(0.5, "share of the columns that a tree sees", least=0)
    l2: float = option(5.0, "L2 penalty on the leaves", least=0)
    min_rows: float = option(5.0, "least sum of second derivatives in a leaf", least=0)
    external: bool = option(False, "keep the table on disk, in batches, instead of in memory")
    reasons: int = option(1000, "test rows whose largest contributions are written; 0: none", least=0)
    seed: int | None = option(None, "of what is drawn; null: the run's")
    threads: int | None = option(None, "null: all cores", least=1)
