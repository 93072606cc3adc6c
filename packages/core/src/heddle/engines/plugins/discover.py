"""Entry points of the group `heddle.plugins`, loaded one by one, so that a broken one stops no other."""

import re
from importlib.metadata import Distribution, EntryPoint, distributions
from typing import Any

import heddle
from heddle.engines.hookspecs import PLUGIN_API
from heddle.engines.plugins.collect import collect
from heddle.engines.plugins.core import hooks
from heddle.engines.plugins.locate import stated_api
from heddle.engines.plugins.plugin import Plugin, first_line

GROUP = "heddle.plugins"
CORE = "heddle-core"


def discover() -> list[Plugin]:
    """Return core's own plugin and one Plugin per entry point, sorted by distribution and name; it never raises.

    Names claimed twice are not looked at here, see `claims.settle`.
    """
    core = _describe(Plugin("core", CORE, heddle.__version__), hooks)
    stating = [distribution for distribution in distributions() if _states_plugins(distribution)]
    first = {
        canonical(_name(distribution)): distribution for distribution in reversed(stating)
    }  # on sys.path
    others = [plugin for distribution in first.values() for plugin in _of_distribution(distribution)]
    return [core, *sorted(others, key=lambda plugin: (plugin.distribution, plugin.name))]


def canonical(distribution: str) -> str:
    """Return a distribution's name as indexes compare it: Heddle_Jax -> heddle-jax."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _states_plugins(distribution: Distribution) -> bool:
    """Tell whether a distribution has entry points of the group, without parsing its metadata."""
    try:
        return GROUP in (distribution.read_text("entry_points.txt") or "")
    except Exception:  # unreadable, so that it can't be known to be ours
        return False


def _of_distribution(distribution: Distribution) -> list[Plugin]:
    blank = Plugin("?", _name(distribution), _version(distribution))
    try:
        entries = [entry for entry in distribution.entry_points if entry.group == GROUP]
    except Exception as error:
        return [blank._replace(status="broken", reason=f"entry_points.txt: {first_line(error)}")]
    return [_load(blank._replace(name=entry.name), entry) for entry in entries]


def _load(plugin: Plugin, entry: EntryPoint) -> Plugin:
    """Import one entry point and describe what it brings."""
    try:
        module = entry.load()
    except (Exception, SystemExit) as error:
        refusal = _refusal(plugin, stated_api(entry.value.partition(":")[0]))
        if refusal:
            return plugin._replace(status="refused", reason=refusal)
        return plugin._replace(status="broken", reason=f"import of {entry.value} failed: {first_line(error)}")
    api = getattr(module, "PLUGIN_API", None)
    if not _is_api(api):
        reason = f"{entry.value}: found PLUGIN_API {api!r}, expected a pair such as PLUGIN_API = {PLUGIN_API}"
        return plugin._replace(status="refused", reason=reason)
    refusal = _refusal(plugin, api)
    return plugin._replace(status="refused", reason=refusal) if refusal else _describe(plugin, module)


def _describe(plugin: Plugin, module: Any) -> Plugin:
    offers, paths, faults = collect(module, plugin.distribution)
    plugin = plugin._replace(offers=tuple(offers), config_paths=tuple(paths))
    return plugin._replace(status="broken", reason="; ".join(faults)) if faults else plugin


def _is_api(api: object) -> bool:
    return isinstance(api, (tuple, list)) and len(api) == 2 and all(type(number) is int for number in api)


def _refusal(plugin: Plugin, api: Any) -> str:
    """Say why a plugin of this API can't be used, "" if it can (or if its API isn't known)."""
    if not _is_api(api) or api[0] == PLUGIN_API[0]:
        return ""
    stated, ours = ".".join(map(str, api)), ".".join(map(str, PLUGIN_API))
    do = CORE if api[0] > PLUGIN_API[0] else plugin.distribution
    return (
        f"written for plugin API {stated}, but {CORE} {heddle.__version__} has plugin API {ours}; "
        f"run: pip install --upgrade {do}"
    )


def _name(distribution: Distribution) -> str:
    """The distribution's name, or its folder's where its metadata can't be read."""
    try:
        name = distribution.metadata["Name"]
    except Exception:
        name = None
    return name or str(getattr(distribution, "_path", "?"))


def _version(distribution: Distribution) -> str:
    try:
        return distribution.version or "?"
    except Exception:
        return "?"
