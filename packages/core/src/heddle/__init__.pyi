"""The public names, each with the module it is loaded from on first use."""

from .api.commands import compose as compose
from .api.commands import embed as embed
from .api.commands import evaluate as evaluate
from .api.commands import export as export
from .api.commands import predict as predict
from .api.commands import train as train
from .api.comparison import Comparison as Comparison
from .api.comparison import compare as compare
from .api.run import Run as Run
from .api.run import load as load

__version__: str
