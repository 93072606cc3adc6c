"""export_bundle: a trained run as a folder that scores rows, wherever core and numpy are."""

import json
import platform
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import heddle
from heddle.data.formats.text_files import fail
from heddle.data.prepared.read import open_prepared
from heddle.data.reader_options import PreparedOptions
from heddle.errors import ConfigError, problem
from heddle.nn.model import Model
from heddle.options import plain
from heddle.sampling.stream import sample_key
from heddle.sampling.types import Fanout
from heddle.serving.bundle.layout import TREES, WEIGHTS, BundleContents, TreesContents, write_bundle
from heddle.serving.bundle.model import scorer_on
from heddle.serving.bundle.task import task_of
from heddle.serving.bundle.training import training_summary
from heddle.serving.live.graph import create
from heddle.serving.scoring.scorer import Reading, Scorer
from heddle.serving.scoring.task import TaskScorer
from heddle.workflow.boost.of_run import TREES as FILES
from heddle.workflow.boost.questions import EMBEDDINGS
from heddle.workflow.loaders.questions.base import EVALUATION
from heddle.workflow.loaders.sampler import specs_of
from heddle.workflow.saved import restore

if TYPE_CHECKING:
    from heddle.config.run import RunConfig


class NoRowsError(ConfigError):
    """Rows can't be scored by a run; what asks by ids of nodes may still be."""


def export_bundle(
    config: "RunConfig",
    run: Path,
    registry: Any,
    root: Path,
    *,
    name: str = "model",
    trees: Path | None = None,
    overwrite: bool = False,
) -> Path:
    """Write a trained run as a bundle and return its folder.

    Args:
        config: the run's own (`heddle.config.saved.saved_config`).
        run: the run's folder.
        root: the bundle's folder; its live graph, where there is one already, is kept.
        name: what requests call the model.
        trees: a file of trees in a folder of `heddle boost`, such as RUN/boost/both.json, which answer; None for the
            model itself.
        overwrite: replace a model that is there, as a server loads it anew.

    Raises:
        NoRowsError: data, a model or a sampler that rows can't be scored with.
        ConfigError: a bundle is there already.
        DataError: no such trees.
    """
    check_free(root, overwrite)
    prepared = prepared_folder(config)
    parts, _ = restore(config, run, registry)
    boosted = None if trees is None else _boosted(trees, parts)
    embeds = boosted is None or EMBEDDINGS in boosted.contents.reads
    asked = target_asked(config, parts)
    reading = reading_of(parts, config) if embeds else Reading(Fanout(()), 0, *_timing(parts))
    _check_task(
        asked,
        prepared,
        boosted,
        lambda: scorer_on(parts.model, parts.model_spec, reading, run / WEIGHTS, registry),
    )
    root.mkdir(parents=True, exist_ok=True)
    if not (root / "live").exists():
        create(root / "live", prepared)
    for source, target in ((run / WEIGHTS if embeds else None, WEIGHTS), (trees, TREES)):
        if source is not None:
            shutil.copyfile(source, root / f".{target}.part")
            (root / f".{target}.part").replace(root / target)
    decision = None if parts.decision is None else parts.decision.as_json()
    card = {"model": config.model.name, **card_of(parts, run)}
    if boosted is not None:
        answers = f"{boosted.name} of {config.model.name}" if embeds else boosted.name
        decision, card = boosted.decision, {**card, "model": answers, "metrics": boosted.metrics}
    model = {"name": config.model.name, "options": plain(config.model)} if embeds else None
    contents = BundleContents(
        name,
        model,
        None if boosted is None else boosted.contents,
        asked,
        parts.model_spec,
        reading,
        tuple(map(str, parts.dataset.class_names)),
        decision,
        prepared,
        card,
    )
    training = training_summary(root, contents, parts.dataset.splits, registry)
    write_bundle(root, contents._replace(training=training))
    return root


def check_free(root: Path, overwrite: bool) -> None:
    """Check that a bundle may be written to a folder. Raises ConfigError: one is there, and isn't to be replaced."""
    if (root / "bundle.json").exists() and not overwrite:
        do = "choose another deploy.bundle, or deploy.overwrite=true"
        raise ConfigError(problem(str(root), "a bundle", "none yet", do))


def _check_task(asked: tuple[str, ...], prepared: Path, boosted: Any, make: Callable[[], Scorer]) -> None:
    """Check that a server can answer where questions of a task are asked. Raises NoRowsError."""
    try:
        task = task_of(open_prepared(prepared), asked)
        if task is not None and boosted is not None:
            do = "export the model itself"
            raise ConfigError(problem("bundle", "trees for questions of a task", "a model for them", do))
        if task is not None:
            TaskScorer(make(), task.relation)
    except ConfigError as error:
        raise NoRowsError(str(error)) from error


class Boosted(NamedTuple):
    """What `heddle boost` says of some trees: their name, what they read, how outputs are read, how good they are."""

    name: str
    contents: TreesContents
    decision: Any
    metrics: Any


def _boosted(trees: Path, parts: Any) -> Boosted:
    """Return what boost.json says of a file of trees. Raises DataError: no such trees, or of an older version."""
    reported = trees.parent / "boost.json"
    if not trees.is_file() or not reported.is_file():
        fail(trees, "no trees", "those of a run", "grow them with heddle boost run=RUN")
    says = json.loads(reported.read_text(encoding="utf-8"))
    if trees.stem not in says.get("reads", {}):
        fail(
            reported, f"nothing about what {trees.name} reads", "it", "grow the trees again with heddle boost"
        )
    name = {file: name for name, file in FILES.items()}[trees.stem]
    contents = TreesContents(
        tuple(says["reads"][trees.stem]), says["answers"], parts.dataset.num_classes or 0
    )
    return Boosted(name, contents, says["decisions"][trees.stem], says["metrics"][name])


def prepared_folder(config: "RunConfig") -> Path:
    """Return the prepared folder that a run learned from. Raises NoRowsError: settings that rows can't be scored by."""
    if not isinstance(config.data, PreparedOptions) or config.data.root is None:
        actual, do = f"data={config.data.reader}", "prepare it with heddle data prepare"
        raise NoRowsError(problem("bundle", actual, "a prepared folder, which rows can be appended to", do))
    if config.task.query is not None:
        do = "state the question as a task of the folder's schema and prepare it anew"
        raise NoRowsError(problem("bundle", "task.query", "a task of the folder, whose rows are sent", do))
    if config.sampler.is_sampled and config.sampler.ages:
        actual, do = f"sampler.ages={list(config.sampler.ages)}", "train without them"
        raise NoRowsError(problem("bundle", actual, "none, since a server gives nodes no ages", do))
    return Path(config.data.root).expanduser().resolve()


def reading_of(parts: Any, config: "RunConfig") -> Reading:
    """Return how a restored run looks at a graph. Raises NoRowsError: a model that rows can't be scored by."""
    _check_model(parts, config)
    return Reading(_fanout(parts, config), sample_key(config.seed, EVALUATION, 0), *_timing(parts))


def target_asked(config: "RunConfig", parts: Any) -> tuple[str, ...]:
    """Return the relation, or node type, of a prepared folder that a restored run asks about."""
    if parts.task.level == "node":
        return (parts.dataset.target_type,)
    assert isinstance(config.data, PreparedOptions)
    return tuple(config.data.relation or open_prepared(prepared_folder(config)).task.target)


def _timing(parts: Any) -> tuple[bool, bool]:
    return parts.times.get("ties") == "include", parts.until is not None


def _check_model(parts: Any, config: "RunConfig") -> None:
    actual = f"model {config.model.name} for {parts.task.level}s"
    links = parts.task.level == "link"
    if parts.task.level not in ("node", "edge", "link") or (links and parts.model_spec.n_link_types):
        do = "ask about nodes, or about rows or links of one relation"
        raise NoRowsError(problem("bundle", actual, "a model of nodes or of a relation's rows", do))
    if links and parts.until is None:  # which links may be seen goes by splits there
        do = "give the relation times, or ask about its rows"
        raise NoRowsError(problem("bundle", "links without times", "links with times", do))
    if not isinstance(parts.model, Model):
        do = "choose a model that is portable between engines"
        raise NoRowsError(problem("bundle", actual, "a portable model of nodes or edges", do))


def _fanout(parts: Any, config: "RunConfig") -> Fanout:
    if config.sampler.is_sampled:
        fanout = specs_of(config.sampler)["test"].fanout(True)
    else:
        count = next((n for n in range(1, 9) if parts.model.takes_blocks(n)), 1)
        fanout = Fanout(
            (-1,) * count, layered=True
        )  # whole neighbourhoods: what a step on the whole graph sees
    if not parts.model.takes_blocks(len(fanout.sizes)):
        actual = f"fanouts {list(fanout.sizes)} of a model that doesn't compute them layer by layer"
        do = "give as many fanouts as the model has layers"
        raise NoRowsError(problem("bundle", actual, "as many hops as layers", do))
    return fanout


def card_of(parts: Any, run: Path) -> dict[str, Any]:
    """Return what is worth knowing of a model."""
    metrics = (
        json.loads((run / "metrics.json").read_text(encoding="utf-8"))
        if (run / "metrics.json").exists()
        else {}
    )
    return {
        "data": parts.dataset.name,
        "task": parts.task.kind,
        "trained": datetime.fromtimestamp((run / WEIGHTS).stat().st_mtime, UTC).isoformat(" ", "minutes"),
        "trained_from": str(run),
        "metrics": metrics,
        "rows": {split: len(rows) for split, rows in parts.dataset.splits.items()},
        "unused_inputs": list(parts.unused),
        "versions": {"heddle": heddle.__version__, "python": platform.python_version()},
    }
