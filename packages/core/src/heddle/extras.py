"""require: import an optional package where it is used, or say how to install it."""

import importlib
from typing import Any

from heddle.errors import PluginError


def require(module: str, extra: str) -> Any:
    """Return the module of that name, imported.

    Raises:
        PluginError: its package is not installed; names heddle-core's extra that brings it.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if (error.name or "").partition(".")[0] != package:
            raise
        raise PluginError(
            f"{package}: found no such package, expected it for this; pip install 'heddle-core[{extra}]'"
        ) from error
