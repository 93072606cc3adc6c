"""A function for each command that makes or uses a run: the same arguments and configuration; it returns values."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from heddle.api import work
from heddle.api.again import Embeddings
from heddle.api.arguments import overrides_of
from heddle.api.composed import composed
from heddle.api.run import Metrics, Run, load
from heddle.config.asked import asked_config
from heddle.config.prefer import preferring
from heddle.config.run import RunConfig
from heddle.engines.plugins import load_plugins
from heddle.errors import ConfigError, problem
from heddle.workflow.metrics.predictions import Predictions

if TYPE_CHECKING:
    from heddle.workflow.boost.of_run import BoostedRun


def compose(*overrides: str, **values: Any) -> RunConfig:
    """Return the configuration that `heddle train` would train, typed and frozen; nothing is trained.

    Args:
        overrides, values: as in `train`.

    Raises:
        ConfigError, PluginError: as in `train`.
    """
    with composed("train", "config", overrides_of(overrides, values)) as made:
        return asked_config(made.tree, made.registry)


@overload
def train(config: RunConfig, /) -> Run: ...
@overload
def train(*overrides: str, **values: Any) -> Run: ...
def train(*overrides: Any, **values: Any) -> Run:
    """Train a model and return the run.

        run = heddle.train("data=planetoid", model="gat", **{"data.name": "cora", "trainer.epochs": 50})
        run.metrics["test"]["accuracy"]

    It is `heddle train` with the same arguments: the same groups, keys, checks, defaults and numbers, and a folder
    by the same rule, runs/<time>-<data>-<model>-<backend> below the current one unless `run.dir` names another.
    Progress is a bar on a terminal and a line now and then elsewhere, always with `trainer.progress=False`.

    Args:
        overrides: "GROUP=OPTION" and "KEY=VALUE", as on the command line; or one `RunConfig`.
        values: the same by keyword; keys with dots by `**{"optim.lr": 0.1}`. A value is None, a bool, number, text,
            path, list, mapping, or a class or function that can be imported, which stands for its path.

    Raises:
        ConfigError: an unknown group, option or key, a value of another type, or one that asks for several runs.
        PluginError: what is named belongs to a plugin that can't be used here.
        HeddleError: anything wrong with the data, the engine or the training; the run folder is kept.
    """
    if overrides and isinstance(overrides[0], RunConfig):
        if len(overrides) > 1 or values:
            do = "change it by dataclasses.replace"
            raise ConfigError(problem("train", "a RunConfig and more", "a RunConfig alone", do))
        config: RunConfig = overrides[0]
        with preferring(config.plugins.preferred):
            return _run(config, work.train(config, load_plugins(config.plugins.preferred)))
    with composed("train", "config", overrides_of(overrides, values)) as made:
        config = asked_config(made.tree, made.registry)
        return _run(config, work.train(config, made.registry))


def evaluate(run: Run | str | Path, *overrides: str, **values: Any) -> Metrics:
    """Return a trained run's metrics by split, measured again, on another engine or other data if these are named.

        heddle.evaluate("runs/mine", backend="jax")

    Args:
        run: a Run, or its folder.
        overrides, values: of `data`, `backend`, `task`, `trainer` and `sharding`; the rest is the run's own.

    Raises:
        HeddleError: no such run, its weights don't fit, or as `train`.
    """
    return _of(run).evaluate(*overrides, **values)


def predict(
    run: Run | str | Path, *overrides: str, out: str | Path | None = None, **values: Any
) -> Predictions:
    """Return a trained run's predictions for all nodes, edges, graphs or links of the data, in a split or not.

    Args:
        run, overrides, values: as in `evaluate`.
        out: a CSV file to write as well, a row for each prediction.

    Raises:
        HeddleError: as `evaluate`.
    """
    return _of(run).predict(*overrides, out=out, **values)


def embed(run: Run | str | Path, *overrides: str, **values: Any) -> Embeddings:
    """Return a trained run's node embeddings [n_nodes, d], or node type -> [n, d], by one pass over the whole graph.

    Args:
        run, overrides, values: as in `evaluate`.

    Raises:
        ConfigError: the data isn't one graph.
        HeddleError: as `evaluate`.
    """
    return _of(run).embed(*overrides, **values)


def boost(run: Run | str | Path, *overrides: str, **values: Any) -> "BoostedRun":
    """Grow boosted trees beside a trained run: on the columns of what it asks about, and with its embeddings.

        heddle.boost("runs/mine", **{"boost.rounds": 300}).rows()

    Args:
        run: as in `evaluate`.
        overrides, values: `boost`, and `out`, the folder that the trees are written to; RUN/boost unless it is named.

    Raises:
        ConfigError: a run that isn't about nodes or edges.
        PluginError: xgboost isn't installed.
        HeddleError: as `evaluate`.
    """
    return _of(run).boost(*overrides, **values)


def export(run: Run | str | Path, *overrides: str, **values: Any) -> Path:
    """Write a trained run as a bundle, from which `serve` answers, and return its folder; `heddle deploy export`.

    Args:
        run: as in `evaluate`.
        overrides, values: `deploy`, as in `train`.

    Raises:
        HeddleError: no such run, or its model can't be exported.
    """
    return _of(run).export(*overrides, **values)


def _of(run: Run | str | Path) -> Run:
    return run if isinstance(run, Run) else load(run)


def _run(config: RunConfig, folder: Path | None) -> Run:
    """Return the run in a folder; of a process that has none, under torchrun, the one that all of them make."""
    run_folder = folder or config.run.dir or config.resume
    if run_folder is None:
        raise ConfigError(
            f"run.dir: found none for the process of rank {config.launch.rank}, expected the folder of the run that "
            "all processes make; name one"
        )
    return Run(Path(run_folder))
