"""The `sampler` config node, checked at the door."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from heddle.data.spec import DataSpec
from heddle.errors import ConfigError, nearest

NAMES = ("full", "neighbor")


class Sampling(NamedTuple):
    """How batches are sampled.

    Attributes:
        name: "full": every step sees the whole graph; "neighbor": the sampled surroundings of some nodes or links.
        fanouts: in-edges taken of each node, hop by hop; -1 for all.
        batch_size: nodes or links of a step.
        eval_fanouts: as fanouts, where predictions are made; None for the same.
        replace: draw each edge anew.
        workers: threads that build batches ahead; 0 for none. Never changes a batch.
        prefetch: batches that are ready, at most, before they are wanted.
    """

    name: str = "full"
    fanouts: tuple[int, ...] = ()
    batch_size: int = 1024
    eval_fanouts: tuple[int, ...] | None = None
    replace: bool = False
    workers: int = 2
    prefetch: int = 4

    @property
    def is_sampled(self) -> bool:
        """Whether steps see parts of the graph."""
        return self.name != "full"

    def specs(self) -> dict[str, DataSpec]:
        """Return how the batches of each split are drawn."""
        train = DataSpec(
            True,
            self.batch_size,
            self.fanouts,
            replace=self.replace,
            workers=self.workers,
            prefetch=self.prefetch,
        )
        fanouts = self.fanouts if self.eval_fanouts is None else self.eval_fanouts
        evaluated = train.merge(shuffle=False, fanouts=fanouts, replace=False)
        return {"train": train, "valid": evaluated, "test": evaluated}


def sampling_from(node: Mapping[str, Any] | None) -> Sampling:
    """Return the Sampling of a `sampler` config node; without one, whole graphs.

    Raises:
        ConfigError: an unknown name, no hops, or a count below its least value.
    """
    given = dict(node or {})
    name = given.get("name", "full")
    if name not in NAMES:
        raise ConfigError(
            f"sampler: found {name!r}, expected one of {list(NAMES)}{nearest(str(name), NAMES)}"
        )
    if name == "full":
        return Sampling()
    own = {key: value for key, value in given.items() if key in Sampling._fields}
    for key in ("fanouts", "eval_fanouts"):
        sizes = own.get(key)
        if sizes is not None:
            own[key] = tuple(int(size) for size in sizes)
    sampling = Sampling(**own)
    for key, sizes in (("fanouts", sampling.fanouts), ("eval_fanouts", sampling.eval_fanouts or (1,))):
        if not sizes or min(sizes) < -1:
            raise ConfigError(
                f"sampler.{key}: found {list(sizes)}, expected a size for each hop, -1 for all edges; "
                f"as in sampler.{key}=[15,10]"
            )
    for key, least in (("batch_size", 1), ("workers", 0), ("prefetch", 1)):
        if getattr(sampling, key) < least:
            raise ConfigError(f"sampler.{key}: found {getattr(sampling, key)}, expected at least {least}")
    return sampling
