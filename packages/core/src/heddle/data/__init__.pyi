"""The public names of data, each with the module that it is loaded from on first use."""

from .dataset import Dataset as Dataset
from .etl import OGBN_MAG as OGBN_MAG
from .etl import Tabformer as Tabformer
from .spec import DataSpec as DataSpec
