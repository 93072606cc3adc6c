"""The public names, each with the module that it is loaded from on first use."""

from . import jax as jax
from . import library as library
from . import numpy as numpy
from . import pyg_lib_api as pyg_lib_api
from . import sampling as sampling
from . import torch as torch

__version__: str
