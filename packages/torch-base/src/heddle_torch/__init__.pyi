"""The public names, each with the module that it is loaded from on first use."""

from .arrays.ops import TorchOps as TorchOps
from .engine import TorchEngine as TorchEngine
from .group import Group as Group
from .options import TorchOptions as TorchOptions
from .train.learner import Learner as Learner
from .train.learner import ParamLearner as ParamLearner
from .train.learner import PortableLearner as PortableLearner
from .train.program import build_program as build_program

__version__: str
