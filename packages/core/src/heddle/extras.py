"""require: import an optional package where it is used, or say how to install it."""

import importlib
from typing import Any

from heddle.errors import PluginError


def require(module: str, extra: str) -> Any:
    """Return the module of that name, imported.

    Raises:
        PluginError: its package is not installed, or is and can't be loaded; names heddle-core's extra that brings it.
    """
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except (
        Exception
    ) as error:  # whatever a package does as it is loaded: a library, memory or a part that it lacks
        missing = isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] == package
        if missing:
            actual = "no such package, expected it for this; "
        else:
            reason = " ".join(str(error).split())[:200]
            actual = (
                f"one that can't be loaded ({type(error).__name__}: {reason}), expected it for this; again "
            )
        raise PluginError(f"{package}: found {actual}pip install 'heddle-core[{extra}]'") from error
