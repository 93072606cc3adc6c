"""The reader `data=prepared`: a prepared folder as a Dataset about the task that is asked for."""

from collections.abc import Sequence
from typing import Any

from heddle.data.dataset import Dataset
from heddle.data.formats.text_files import fail
from heddle.data.options import call
from heddle.data.prepared.datasets import dataset_of, split_relation
from heddle.data.prepared.folder import FolderTask, Prepared
from heddle.data.prepared.read import open_prepared, verify
from heddle.data.reader_options import PreparedOptions
from heddle.errors import nearest

OF_EDGES = ("edge_classification", "link_prediction")
"""What can be asked about the edges of a relation, whatever its folder was prepared for."""


def read_prepared(options: PreparedOptions) -> Dataset:
    """Return the dataset of the folder that a `data=prepared` node names; see `prepared` for its keys."""
    return call(prepared, options)


def prepared(
    root: str | None = PreparedOptions.root,
    check: bool = PreparedOptions.check,
    name: str | None = PreparedOptions.name,
    relation: Sequence[str] | None = PreparedOptions.relation,
    task: str | None = PreparedOptions.task,
) -> Dataset:
    """Return a prepared folder as a Dataset.

    Args:
        root: the folder.
        check: compare every file's checksum first.
        name: what the dataset calls itself; None for the folder's own name.
        relation: source, relation and target of links that are to be predicted, between any two types; None for the
            folder's own task. Where they have no splits, 85/5/10 of them are drawn.
        task: one of the tasks of the folder's schema by its name; or edge_classification or link_prediction, what is
            asked about the edges of the folder's target or of `relation`. None for what the folder was prepared for,
            the first of its schema's tasks, or links with a `relation`.

    Raises:
        DataError: no folder, a damaged one, a task or relation that it lacks, or has no edges or classes for.
    """
    if root is None:
        fail("data.root", "none", "a prepared folder", "write data.root=FOLDER")
    if check:
        verify(root)
    folder = open_prepared(root)
    folder = folder._replace(name=name or folder.name)
    if task is not None and task in folder.tasks:
        folder = folder._replace(task=folder.tasks[task])
    elif task not in (None, *OF_EDGES):
        names = [*folder.tasks, *OF_EDGES]
        fail("data.task", repr(task), f"one of {names}", f"name one of them{nearest(str(task), names)}")
    if relation is not None:
        key: Any = tuple(relation)
        if key not in folder.edges:
            fail(
                "data.relation",
                list(key),
                f"one of {[list(edge_type) for edge_type in folder.edges]}",
                "rename it",
            )
        asked = folder.task if tuple(folder.task.target) == key else FolderTask(target=key)
        folder = folder._replace(
            task=asked._replace(kind="link_prediction"), edges=split_relation(folder.edges, key)
        )
    if task in OF_EDGES and task not in folder.tasks:
        folder = folder._replace(task=_asking(folder, task))
    return dataset_of(folder)


def _asking(opened: Prepared, task_kind: str) -> FolderTask:
    """Return the task of a folder with another question about the same edges."""
    task = opened.task
    if len(task.target) != 3:
        actual, do = f"a folder about {task.target}", "leave it out, or name edges by data.relation"
        fail(f"data.task={task_kind}", actual, "one about a relation", do)
    if task_kind == "edge_classification" and not task.num_classes and not task.labels:
        actual, do = f"no classes of {task.target}", "prepare it with kind: edge_classification and a label"
        fail(f"data.task={task_kind}", actual, "a class for each edge", do)
    return task._replace(kind=task_kind)
