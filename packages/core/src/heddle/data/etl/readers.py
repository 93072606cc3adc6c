"""`data=tabformer`, `data=ogbn_mag`, `data=schema`: read what `heddle data prepare` made of them."""

from heddle.data.dataset import Dataset
from heddle.data.formats.text_files import fail
from heddle.data.options import call
from heddle.data.prepared.reader import prepared
from heddle.data.reader_options import OgbnMagOptions, SchemaOptions, TabformerOptions

PREPARED = ("tabformer", "ogbn_mag", "schema")
"""Readers of data that has to be prepared first."""


def read_tabformer(options: TabformerOptions) -> Dataset:
    """Return the dataset that a `data=tabformer` node names; see `tabformer` for its keys."""
    return call(tabformer, options)


def tabformer(src: str | None = TabformerOptions.src, dst: str | None = TabformerOptions.dst) -> Dataset:
    """Return TabFormer's transactions.

    Args:
        src: folder of the files, for heddle data prepare.
        dst: folder that was prepared.
    """
    return _prepared("tabformer", dst)


def read_ogbn_mag(options: OgbnMagOptions) -> Dataset:
    """Return the dataset that a `data=ogbn_mag` node names; see `ogbn_mag` for its keys."""
    return call(ogbn_mag, options)


def ogbn_mag(src: str | None = OgbnMagOptions.src, dst: str | None = OgbnMagOptions.dst) -> Dataset:
    """Return ogbn-mag, or a graph in its layout.

    Args:
        src: folder that holds raw/, for heddle data prepare.
        dst: folder that was prepared.
    """
    return _prepared("ogbn_mag", dst)


def read_schema(options: SchemaOptions) -> Dataset:
    """Return the dataset that a `data=schema` node names; see `schema` for its keys."""
    return call(schema, options)


def schema(
    schema: str | None = SchemaOptions.schema,
    src: str | None = SchemaOptions.src,
    dst: str | None = SchemaOptions.dst,
) -> Dataset:
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
