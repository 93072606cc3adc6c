"""The `sampler` node as what the batches of each split are drawn by."""

from heddle.data.spec import DataSpec
from heddle.options.durations import duration
from heddle.workflow.options import Sampler


def specs_of(sampler: Sampler) -> dict[str, DataSpec]:
    """Return how the batches of each split are drawn."""
    train = DataSpec(
        True,
        sampler.batch_size,
        sampler.fanouts,
        replace=sampler.replace,
        newest=sampler.newest,
        window=None if sampler.window is None else duration(sampler.window, "sampler.window"),
        workers=sampler.workers,
        prefetch=sampler.prefetch,
    )
    fanouts = sampler.fanouts if sampler.eval_fanouts is None else sampler.eval_fanouts
    evaluated = train.merge(shuffle=False, fanouts=fanouts, replace=False)
    return {"train": train, "valid": evaluated, "test": evaluated}
