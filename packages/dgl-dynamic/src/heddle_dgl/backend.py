"""The engine's place: it describes itself, and says that it isn't built yet when loaded."""

from collections.abc import Mapping
from typing import Any

from heddle.errors import PluginError


def DglBackend(config: Mapping[str, Any]) -> Any:
    """Raise PluginError: this engine is not built yet."""
    raise PluginError(f"backend {config.get('name')!r}: not built yet in heddle_dgl 0.1.0; use backend=pyg")
