"""compared: whether a model is better than its baselines, in one sentence."""

from collections.abc import Mapping
from typing import Any

from heddle.workflow.metrics.by_name import higher_is_better


def compared(result: Mapping[str, Any]) -> str:
    """Return a line that sets a model beside the best baseline.

    Args:
        result: of metrics.json; its "compared" is what `heddle.workflow.baselines` found, or isn't there.

    >>> lead = {"split": "test", "metric": "mrr", "model": 0.2, "baseline": "popularity", "best": 0.3, "lead": -0.1}
    >>> compared({"compared": {**lead, "interval": [-0.15, -0.05]}})
    'test mrr: the model has 0.2000 and loses to popularity with 0.3000, by 0.1000 (95 %: 0.0500 to 0.1500)'

    Of errors less is better:

    >>> lead = {"split": "test", "metric": "rmse", "model": 0.2, "baseline": "mean", "best": 0.3, "lead": 0.1}
    >>> compared({"compared": {**lead, "interval": None}})
    'test rmse: the model has 0.2000, 0.1000 less than the best baseline, mean with 0.3000'
    """
    lead_of = result.get("compared")
    if not lead_of:
        return "no split has both the model's metrics and a baseline's"
    lead, within = lead_of["lead"], lead_of["interval"]
    low, high = within or (lead, lead)
    known = f"{lead_of['baseline']} with {lead_of['best']:.4f}"
    if lead > 0 and low > 0 and higher_is_better(lead_of["metric"]):
        verdict = f" and adds {lead:.4f} to the best baseline, {known}"
    elif lead > 0 and low > 0:
        verdict = f", {lead:.4f} less than the best baseline, {known}"
    elif lead < 0 and high < 0:
        verdict, low, high = f" and loses to {known}, by {-lead:.4f}", -high, -low
    else:
        where = f"ahead by {lead:.4f}"
        if lead < 0:
            where, low, high = f"behind by {-lead:.4f}", -high, -low
        verdict = f" and differs too little from {known} to tell which is better: it is {where}"
    interval = f" (95 %: {low:.4f} to {high:.4f})" if within else ""
    return f"{lead_of['split']} {lead_of['metric']}: the model has {lead_of['model']:.4f}{verdict}{interval}"
