"""Nodes that the workflow reads: `run`, `trainer` and `sampler`."""

from dataclasses import dataclass

from heddle.errors import ConfigError
from heddle.options import option
from heddle.options.durations import duration

BATCHINGS = ("auto", "counted", "packed")


@dataclass(frozen=True)
class Place:
    """The `run` node: the folder of a run."""

    dir: str | None = option(None, "folder of the run; null: runs/<time>-<data>-<model>-<backend>")
    overwrite: bool = option(False, "replace a run that is already in run.dir")


@dataclass(frozen=True)
class TrainerSettings:
    """The `trainer` node: how a training run goes.

    Without validation data the last epoch is the best, whatever `monitor` says.
    """

    epochs: int = option(200, "at most so many", least=1)
    patience: int | None = option(
        None, "stop after so many evaluations without a better one; null: never", least=1
    )
    monitor: str = option(
        "auto",
        "the metric that decides which epoch is best, e.g. valid.accuracy; auto: the task's first metric",
    )
    eval_every: int = option(1, "epochs between evaluations", least=1)
    checkpoint_every: int = option(10, "epochs between checkpoints; 0: none", least=0)
    keep: int = option(2, "checkpoints that are kept", least=1)
    batch_size: int | None = option(None, "graphs, links or windows a step; null: all in one batch", least=1)
    accumulate: int = option(1, "batches whose gradients make up one step of the optimiser", least=1)
    batching: str = option(
        "auto",
        "graphs on engines that compile: counted, batch_size each, padded; packed, filled up; auto: by size",
        choices=BATCHINGS,
    )
    progress: bool = option(True, "a bar on a terminal, a line now and then elsewhere")


@dataclass(frozen=True)
class Sampler:
    """The `sampler` node: "full": every step sees whole graphs; "neighbor": the sampled surroundings of some nodes or
    links.

    Raises:
        ConfigError: no hops.
    """

    name: str = option("full", "full or neighbor", choices=("full", "neighbor"))
    fanouts: tuple[int, ...] = option(
        (15, 10), "in-edges taken of each node, hop by hop; -1: all", least=-1, of=("neighbor",)
    )
    batch_size: int = option(1024, "nodes or links a step", least=1, of=("neighbor",))
    eval_fanouts: tuple[int, ...] | None = option(
        None, "as fanouts, for predictions; null: the same", least=-1, of=("neighbor",)
    )
    replace: bool = option(False, "draw each edge again", of=("neighbor",))
    newest: bool = option(
        False, "draw among the newest edges of a node alone, as many as its fanout", of=("neighbor",)
    )
    window: str | int | None = option(
        None,
        "no edge that old at the time of its question: 30d, 12h (times in seconds), or a number; null: any",
        of=("neighbor",),
    )
    ages: tuple[str | int, ...] = option(
        (),
        "tell nodes their age at the time of the question, on these scales: [30d,1000d]; []: nothing",
        of=("neighbor",),
    )
    workers: int = option(
        2, "threads that build batches ahead; 0: none; the batches stay the same", least=0, of=("neighbor",)
    )
    prefetch: int = option(4, "batches that may be ready before they are wanted", least=1, of=("neighbor",))

    def __post_init__(self) -> None:
        for key, sizes in (("fanouts", self.fanouts), ("eval_fanouts", self.eval_fanouts)):
            if sizes is not None and not sizes:
                raise ConfigError(
                    f"sampler.{key}: found [], expected a size for each hop, -1 for all edges; "
                    f"as in sampler.{key}=[15,10]"
                )
        if self.window is not None:
            duration(self.window, "sampler.window")
        for scale in self.ages:
            duration(scale, "sampler.ages")

    @property
    def is_sampled(self) -> bool:
        """Whether steps see parts of the graph."""
        return self.name != "full"
