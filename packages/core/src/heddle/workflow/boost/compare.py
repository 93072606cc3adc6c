"""compare: what embeddings add to a table, as metrics and a report."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from heddle.atomic import write_json
from heddle.workflow.boost.fit import Boosted, fit_boost
from heddle.workflow.boost.table import BoostTable


class Comparison(NamedTuple):
    """Trees on the table alone, and on the table with the embeddings of both ends."""

    alone: Boosted
    both: Boosted

    @property
    def gain(self) -> float:
        """How much average precision the embeddings add in the test split."""
        return self.both.metrics["test"]["ap"] - self.alone.metrics["test"]["ap"]

    def rows(self) -> list[tuple[str, ...]]:
        """Return (columns, split, AP, AUROC) of each, as text."""
        return [
            (name, split, f"{metrics['ap']:.4f}", f"{metrics['auroc']:.4f}")
            for name, boosted in (("table alone", self.alone), ("table + embeddings", self.both))
            for split, metrics in boosted.metrics.items()
        ]


def compare(
    root: str | Path,
    embeddings: str | Path,
    out: str | Path | None = None,
    n_rounds: int = 200,
    parameters: Mapping[str, Any] | None = None,
    **options: Any,
) -> Comparison:
    """Train on a prepared relation twice, and return both; `options` are those of `fit_boost`.

    Args:
        root: the prepared folder.
        embeddings: the folder of `generate_embeddings`.
        out: folder for alone.json and both.json, the trees, and report.json, the metrics and which columns the
            trees with embeddings use most; None writes nothing.
    """
    tables = BoostTable(root), BoostTable(root, embeddings)
    alone, both = (fit_boost(table, n_rounds, parameters, **options) for table in tables)
    made = Comparison(alone, both)
    if out is not None:
        folder = Path(out).expanduser()
        for name, boosted in made._asdict().items():
            boosted.save(folder / f"{name}.json")
        gains = both.booster.get_score(importance_type="total_gain")
        most = dict(sorted(gains.items(), key=lambda item: -item[1])[:20])
        metrics = {
            name: {"metrics": of.metrics, "columns": len(of.table.names)}
            for name, of in made._asdict().items()
        }
        write_json(folder / "report.json", {**metrics, "ap_gain": made.gain, "most_used": most})
    return made
