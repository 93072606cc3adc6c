"""A trained run used again: what `heddle eval`, `predict`, `deploy export` and `train resume=` do, with values back."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from heddle.api import work
from heddle.api.arguments import overrides_of
from heddle.api.composed import composed
from heddle.atomic import write_json
from heddle.config.asked import asked_config
from heddle.config.isolated import isolated_hydra
from heddle.config.nodes import composed as composed_nodes
from heddle.config.prefer import preferring
from heddle.config.run import Plugins
from heddle.config.saved import saved_config, saved_tree
from heddle.data.dataset import SPLITS
from heddle.engines.plugins import Registry, load_plugins
from heddle.errors import ConfigError, problem
from heddle.options import build
from heddle.serving.bundle.offline import embed_rows
from heddle.workflow import saved
from heddle.workflow.boost.of_run import BoostedRun, boost_run
from heddle.workflow.boost.options import Boost
from heddle.workflow.embeddings import write_row_embeddings
from heddle.workflow.metrics.predictions import Predictions

Embeddings = np.ndarray | Mapping[str, np.ndarray]
"""[n_nodes, d], or node type -> [n, d]."""

Values = Mapping[str, Any]


def resumed(folder: Path) -> Path | None:
    """Go on with a stopped run and return its folder; None as `work.train`."""
    with _plugins_of(folder), composed("train", "config", overrides_of([], {"resume": folder})) as made:
        return work.train(asked_config(made.tree, made.registry), made.registry)


def evaluated(folder: Path, overrides: Sequence[str], values: Values) -> dict[str, dict[str, float]]:
    """Return split -> metric -> value of a run's weights; NaN where a split has none.

    Args:
        folder: of the run.
        overrides: words of `heddle eval`, such as "out=metrics.json".
        values: the same as key -> value.
    """
    arguments = overrides_of(overrides, {**values, "run": folder})
    with _plugins_of(folder), composed("eval", "eval", arguments, of_run=True) as made:
        metrics_by_split = saved.evaluate(
            saved_config(folder, made.registry, made.tree), folder, made.registry
        )
        if made.tree["out"]:
            write_json(Path(made.tree["out"]), metrics_by_split)
    return {
        split: {name: math.nan if value is None else value for name, value in metrics.items()}
        for split, metrics in metrics_by_split.items()
        if split in SPLITS
    }


def predicted(
    folder: Path, overrides: Sequence[str], values: Values, out: str | Path | None = None
) -> Predictions:
    """Return a run's predictions for all of the data, and write them to the CSV `out` if it is named.

    Args:
        folder: of the run.
        overrides: words of `heddle predict`.
        values: the same as key -> value.
    """
    arguments = overrides_of(overrides, {**values, "run": folder})
    with _plugins_of(folder), composed("predict", "predict", arguments, of_run=True) as made:
        config = saved_config(folder, made.registry, made.tree)
        parts, predicted = saved.predict(config, folder, made.registry)
        if out is not None or made.tree["out"]:
            saved.write_predictions(Path(out or made.tree["out"]), parts, predicted)
    return predicted


def embedded(folder: Path, overrides: Sequence[str], values: Values) -> Embeddings:
    """Return a run's node embeddings: [n_nodes, d], or node type -> [n_nodes, d].

    Args:
        folder: of the run.
        overrides: words of `heddle predict`.
        values: the same as key -> value.

    Raises:
        ConfigError: `out` was given, which only `predict` writes.
    """
    arguments = overrides_of(overrides, {**values, "run": folder})
    with _plugins_of(folder), composed("predict", "predict", arguments, of_run=True) as made:
        if made.tree["out"]:
            raise ConfigError(
                problem("out", made.tree["out"], "none", "write what embed returns, by numpy.save")
            )
        config = saved_config(folder, made.registry, made.tree)
        embeddings: Embeddings = saved.embed(config, folder, made.registry)
    return embeddings


def embedded_rows(
    folder: Path, overrides: Sequence[str], values: Values, out: str | Path | None = None
) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
    """Return the embeddings [n, d] of a finished run's nodes, or of both ends of its edges, [n, d] each.

    Args:
        folder: of the run.
        overrides: words of `heddle predict`, such as "sampler.fanout=[20,10]".
        values: the same as key -> value.
        out: folder that they are written to as .npy files; None for the one that `out=` names, or for none.

    Raises:
        CheckpointError: no finished run.
        ConfigError: a run whose model has no embeddings.
    """
    arguments = overrides_of(overrides, {**values, "run": folder})
    with _plugins_of(folder), composed("predict", "predict", arguments, of_run=True) as made:
        config = saved_config(folder, made.registry, made.tree)
        parts, state = saved.restore(config, folder, made.registry)
        rows = saved.rows_embedded(parts, state, config.sampler.name)
        if out is not None or made.tree["out"]:
            write_row_embeddings(rows, Path(out or made.tree["out"]), parts.dataset.target_type)
    return rows


def boosted(folder: Path, overrides: Sequence[str], values: Values) -> BoostedRun:
    """Grow trees beside a run, write them below its folder and return what came of it.

    Args:
        folder: of the run.
        overrides: words of `heddle boost`.
        values: the same as key -> value.
    """
    arguments = overrides_of(overrides, {**values, "run": folder})
    with _plugins_of(folder) as registry:
        with isolated_hydra():
            nodes = composed_nodes(
                "boost", arguments, registry, ("boost", "run", "out", "plugins"), {"boost": Boost}
            )
        out, config = Path(nodes["out"]) if nodes["out"] else folder / "boost", saved_config(folder, registry)

        def embed(parts: Any) -> Any:
            return embed_rows(config, folder, parts, registry)

        return boost_run(config, folder, out, nodes["boost"], registry, embed)


def exported(folder: Path, overrides: Sequence[str], values: Values) -> Path:
    """Write a run as a bundle, what a server loads, and return the bundle's folder.

    Args:
        folder: of the run.
        overrides: words of `heddle deploy export`.
        values: the same as key -> value.

    Raises:
        ConfigError: no server was chosen.
    """
    from heddle.serving.deploy import export

    arguments = overrides_of(overrides, {**values, "run": folder})
    with _plugins_of(folder) as registry:
        with isolated_hydra():
            node = composed_nodes("deploy", arguments, registry, ("deploy", "run", "plugins"))["deploy"]
        if node.name == "none":
            raise ConfigError(problem("deploy", "none", "a server", "choose deploy='heddle' or 'triton'"))
        return export(node, folder, saved_config(folder, registry), registry)


@contextmanager
def _plugins_of(folder: Path) -> Iterator[Registry]:
    """Prefer the plugins that a run preferred, until the block ends, and yield what is installed."""
    preferred = build(Plugins, saved_tree(folder).get("plugins") or {}, "plugins").preferred
    with preferring(preferred):
        yield load_plugins(preferred)
