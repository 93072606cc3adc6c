"""Table: a plan as rows to read, one for each relation of a layer."""

from collections.abc import Sequence

from heddle.ops.relational.plan import Choice
from heddle.ops.relational.ways import WAYS

COLUMNS = ("layer", "relation", "edges", "senders", "receivers", "in", "out", *WAYS, "taken")


def rows(plans: Sequence[Sequence[Choice]]) -> list[tuple[str, ...]]:
    """Return COLUMNS as text for each choice of each layer's plan.

    Senders and receivers are those with an edge, of all of their type; under a way stand its microseconds, "-"
    where it is impossible; "taken" is the way, and of which side only the nodes with edges are computed.
    """
    return [_row(layer, choice) for layer, plan in enumerate(plans) for choice in plan]


def _row(layer: int, choice: Choice) -> tuple[str, ...]:
    sizes = choice.sizes
    few = [
        side for side, kept in (("senders", choice.few_senders), ("receivers", choice.few_receivers)) if kept
    ]
    return (
        str(layer),
        " ".join(choice.relation),
        f"{sizes.n_edges:,}",
        f"{sizes.used_senders:,} of {sizes.n_senders:,}",
        f"{sizes.used_receivers:,} of {sizes.n_receivers:,}",
        str(sizes.in_dim or "table"),
        str(sizes.out_dim),
        *(_microseconds(choice.seconds[way]) for way in WAYS),
        choice.way + (f", {' and '.join(few)} with edges" if few else ""),
    )


def _microseconds(seconds: float) -> str:
    return "-" if seconds == float("inf") else f"{seconds * 1e6:,.1f}"
