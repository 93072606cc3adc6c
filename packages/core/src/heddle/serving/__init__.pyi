"""The public names of serving, each with the module that it is loaded from on first use."""

from .client import Client as Client
from .client import infer as infer
from .export import export_booster as export_booster
from .export import export_model as export_model
from .local import LocalModel as LocalModel
from .repository import write_repository as write_repository
from .running import Running as Running
from .running import launch as launch
from .served import Served as Served
from .served import Spec as Spec
