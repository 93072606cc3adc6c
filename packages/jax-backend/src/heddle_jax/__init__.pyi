"""The public names, each with the module that it is loaded from on first use."""

from . import jraph_api as jraph_api
from .backend import JaxBackend as JaxBackend
from .models.model import JaxModel as JaxModel
from .models.model import jax_model as jax_model
from .ops.jax_ops import JaxOps as JaxOps
from .options import JaxOptions as JaxOptions

__version__: str
