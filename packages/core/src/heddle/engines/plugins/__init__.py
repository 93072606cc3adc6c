"""The plugin system: what is installed beside core, found through the entry-point group `heddle.plugins`.

plugin.py     Plugin and Offer: what one entry point brought, and whether it may be used
locate.py     finding a module and reading its plugin API without running it
discover.py   entry points, loaded one by one
collect.py    a plugin's hooks, called one by one, and their answers checked
claims.py     names that two distributions claim
builtin.py    core's own plugin
registry.py   Registry: engines, models, datasets, kernels ... by name
"""

from heddle.engines.plugins.discover import discover
from heddle.engines.plugins.plugin import STATUSES, Offer, Plugin
from heddle.engines.plugins.registry import PREFER, Registry, load_plugins

__all__ = ["PREFER", "STATUSES", "Offer", "Plugin", "Registry", "discover", "load_plugins"]
