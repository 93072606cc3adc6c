"""OGBN_MAG and Tabformer: known tables as objects with `transform()`, as scripts use them."""

from pathlib import Path
from typing import Any, ClassVar

from heddle.data.etl.prepare import prepare
from heddle.data.etl.recipes import RECIPES
from heddle.data.etl.stores import root_of
from heddle.data.etl_options import Etl
from heddle.options import build


class TransDataset:
    """Tables below `src` that `transform` prepares in `dst`; `etl` are keys of `Etl`."""

    recipe: ClassVar[str]

    def __init__(self, src: str | Path, dst: str | Path, **etl: Any):
        self.src, self.dst = root_of(src), Path(dst).expanduser()
        self.etl = build(Etl, {"progress": False, **etl}, "etl")

    def transform(self) -> Path:
        """Prepare the tables and return the folder."""
        return prepare(RECIPES[self.recipe](Path(self.src)), self.src, self.dst, self.etl)


class OGBN_MAG(TransDataset):
    """ogbn-mag's raw files: papers, authors, institutions, fields of study; the papers' venues are predicted."""

    recipe = "ogbn_mag"


class Tabformer(TransDataset):
    """TabFormer's card transactions: cards pay merchants, some by fraud."""

    recipe = "tabformer"
