"""Summary: how columns lay in training and scores on validation, as a bundle keeps it; no row is in it."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from heddle.serving.drift.bins import Bins, as_json, of_json


class Summary(NamedTuple):
    """What requests are compared with.

    Attributes:
        rows: of training that were looked at.
        columns: of them.
        scored: rows of `split` that were scored.
        split: valid, or another where there is none.
        scores: of them.
    """

    rows: int
    columns: tuple[Bins, ...]
    scored: int
    split: str
    scores: tuple[Bins, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it for JSON."""
        named = {"columns": self.columns, "scores": self.scores}
        return {**self._asdict(), **{name: [as_json(bins) for bins in of] for name, of in named.items()}}

    @property
    def digest(self) -> str:
        """The hash of its bins: counts of others can't be added to its own."""
        text = json.dumps(self.as_json(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def summary_of(content: Mapping[str, Any] | None) -> Summary | None:
    """Return the summary of `as_json`; None for None."""
    if content is None:
        return None
    columns, scores = (tuple(map(of_json, content[name])) for name in ("columns", "scores"))
    return Summary(content["rows"], columns, content["scored"], content["split"], scores)
