"""prepare: tables to a prepared folder, by a schema."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from heddle.data.etl.cells import counted_cells
from heddle.data.etl.databases.open_databases import open_databases
from heddle.data.etl.emit import Emitter
from heddle.data.etl.engines.open_engine import OpenEngine, open_engine
from heddle.data.etl.files import Sources, files_of
from heddle.data.etl.kept_tables import keep_tables
from heddle.data.etl.relate import relate
from heddle.data.etl.schemas.schema import LATER, Label, Schema
from heddle.data.etl.steps import Steps
from heddle.data.etl.stores import root_of
from heddle.data.etl.work_folder import MADE, work_folder
from heddle.data.etl_options import Etl
from heddle.data.prepared.folder import FolderTask
from heddle.data.prepared.write import FolderWriter, check_free, publish

QUIET = Etl(progress=False)


def prepare(
    schema: Schema, src: str | Path, dst: str | Path, etl: Etl = QUIET, engines: OpenEngine = open_engine
) -> Path:
    """Prepare the tables below `src`, or in databases, in the folder `dst` and return it.

    A run that was interrupted goes on with the steps that it finished, if the schema and the files are the same.
    Equal tables and schemas give equal folders, byte for byte, whatever the engine.

    Args:
        engines: opens what `etl.engine` names; `Registry.etl_engine` knows those of plugins too.

    Raises:
        HeddleError: a table that doesn't fit its description, too little memory, a folder that is finished already,
            or in which another preparation is at work.
    """
    root, out = root_of(src), Path(dst).expanduser()
    files = [file for table in schema.tables.values() for file in files_of(root, table)]
    check_free(out, overwrite=etl.overwrite)
    with work_folder(out) as work, open_databases(schema, root) as databases:
        stamps = [*(file.stamp for file in files), *(each.stamp for each in databases.values())]
        depends_on = [schema, etl.engine, etl.device, stamps]
        total = len(schema.tables) + 2 * len(schema.nodes) + 6 * len(schema.edges)
        steps = Steps(work, depends_on, total, show=etl.progress)
        return publish(_made(schema, Sources(root, databases), work, steps, etl, engines), out)


def _made(schema: Schema, given: Sources, work: Path, steps: Steps, etl: Etl, engines: OpenEngine) -> Path:
    """Return the finished folder, which isn't yet where it belongs."""
    writer = FolderWriter(work / MADE, schema.name)
    engine = engines(etl, steps.scratch)
    try:
        related = relate(schema, given, engine, steps, etl.threads, etl.memory)
        engine.close()  # its memory is free before arrays are written
        emitter = Emitter(schema, related, writer)
        for node_type in schema.nodes:
            steps.run(f"write.{node_type}", emitter.nodes, node_type)
        for edges in schema.edges:
            steps.run(f"write.{'___'.join(edges.type)}", emitter.edges, edges)
    finally:
        engine.close()
        steps.close()
    info: dict[str, Any] = {"encoders": emitter.fitted}
    if cells := {name: counts for name, path in related.staged.items() if (counts := counted_cells(path))}:
        info["cells"] = cells
    if dropped := {name: rows for name, rows in related.dropped.items() if rows}:
        info["dropped"] = dropped
    if related.cuts and schema.split is not None and schema.split.timed:
        info["split"] = {"valid_from": related.cuts[0], "test_from": related.cuts[1]}
    if etl.keep_tables:
        keep_tables(schema, related, writer)
    asked = {name: _asked(name, schema, emitter) for name in schema.tasks}
    task = _task(schema, emitter) if schema.kind != "none" or not asked else next(iter(asked.values()))
    return writer.finish(task, info, _as_recipe(schema), asked)


def _task(schema: Schema, emitter: Emitter) -> FolderTask:
    target = tuple(schema.target)
    labels = (
        [schema.nodes[target[0]].label]
        if len(target) == 1
        else [e.label for e in schema.edges if e.type == target]
    )
    return _of_label(schema.kind, target, labels[0] if labels else None, emitter)


def _asked(name: str, schema: Schema, emitter: Emitter) -> FolderTask:
    task = schema.tasks[name]
    return _of_label(task.kind, (name,), task.label, emitter)


def _of_label(task_kind: str, target: tuple[str, ...], label: Label | None, emitter: Emitter) -> FolderTask:
    label = label or Label("")
    about = emitter.classes.get(target, 0), label.classes, label.delay
    return FolderTask(task_kind, target, *about, emitter.labels.get(target, ()))


def _as_recipe(value: Any) -> Any:
    """Return a schema as plain mappings and lists."""
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        later = LATER.get(type(value), ())
        said = {key: item for key, item in value._asdict().items() if key not in later or item != later[key]}
        return {key: _as_recipe(item) for key, item in said.items()}
    if isinstance(value, Mapping):
        return {key: _as_recipe(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_as_recipe(item) for item in value]
    return value
