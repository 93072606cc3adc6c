"""`data=tabformer`, `data=ogbn_mag`, `data=schema`: read what `heddle data prepare` made of them."""

from collections.abc import Mapping
from typing import Any

from heddle.data.dataset import Dataset
from heddle.data.files import fail
from heddle.data.options import call
from heddle.data.prepared.graphs import prepared

PREPARED = ("tabformer", "ogbn_mag", "schema")
"""Readers of data that has to be prepared first."""


def read_tabformer(config: Mapping[str, Any]) -> Dataset:
    """Return the dataset that a `data=tabformer` node names; see `tabformer` for its keys."""
    return call(tabformer, config)


def tabformer(src: str | None = None, dst: str | None = None) -> Dataset:
    """Return TabFormer's transactions.

    Args:
        src: folder of the files, for heddle data prepare.
        dst: folder that was prepared.
    """
    return _prepared("tabformer", dst)


def read_ogbn_mag(config: Mapping[str, Any]) -> Dataset:
    """Return the dataset that a `data=ogbn_mag` node names; see `ogbn_mag` for its keys."""
    return call(ogbn_mag, config)


def ogbn_mag(src: str | None = None, dst: str | None = None) -> Dataset:
    """Return ogbn-mag, or a graph in its layout.

    Args:
        src: folder that holds raw/, for heddle data prepare.
        dst: folder that was prepared.
    """
    return _prepared("ogbn_mag", dst)


def read_schema(config: Mapping[str, Any]) -> Dataset:
    """Return the dataset that a `data=schema` node names; see `schema` for its keys."""
    return call(schema, config)


def schema(schema: str | None = None, src: str | None = None, dst: str | None = None) -> Dataset:
    """Return a graph of a user's own tables.

    Args:
        schema: the YAML file that describes the tables, for heddle data prepare.
        src: folder of the tables, likewise.
        dst: folder that was prepared.
    """
    return _prepared("schema", dst)


def _prepared(reader: str, dst: str | None) -> Dataset:
    if dst is None:
        do = f"run heddle data prepare data={reader} data.src=... data.dst=..., and give data.dst here too"
        fail("data.dst", "none", "a prepared folder", do)
    return prepared(dst)
