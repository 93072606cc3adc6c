"""compared: whether a model is better than trivial rules, in one sentence."""

from collections.abc import Mapping
from typing import Any

from heddle.data.dataset import SPLITS
from heddle.workflow.metrics.by_name import higher_is_better


def compared(result: Mapping[str, Any]) -> str:
    """Return a line that sets a model beside the best baseline, by the first metric of the last split that both have.

    Args:
        result: of metrics.json, with "baselines".

    >>> compared({"test": {"loss": 1.0, "mrr": 0.2}, "baselines": {"popularity": {"test": {"mrr": 0.3}}}})
    'test mrr: the model has 0.2000 and loses to popularity with 0.3000'
    """
    baselines = result["baselines"]
    for split in reversed(SPLITS):
        there = {name: figures[split] for name, figures in baselines.items() if split in figures}
        metrics = [name for name in next(iter(there.values()), {}) if _known(result.get(split, {}).get(name))]
        if not metrics:
            continue
        first = metrics[0]
        sign = 1 if higher_is_better(first) else -1
        known = {name: figures[first] for name, figures in there.items() if _known(figures[first])}
        if not known:
            continue
        best = max(known, key=lambda name: sign * known[name])
        model = result[split][first]
        verdict = (
            "beats every baseline, the best of which is" if sign * (model - known[best]) > 0 else "loses to"
        )
        return f"{split} {first}: the model has {model:.4f} and {verdict} {best} with {known[best]:.4f}"
    return "no split has both the model's figures and a baseline's"


def _known(value: float | None) -> bool:
    return value is not None and value == value
