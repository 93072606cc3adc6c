"""A plugin's hooks, called one by one and guarded, and their answers checked."""

import re
from typing import Any

import pluggy

from heddle.engines import hookspecs
from heddle.engines.capabilities import CAPABILITIES
from heddle.engines.hookspecs import NAMESPACE, BackendInfo, KernelInfo, ModelInfo
from heddle.engines.plugins.locate import is_installed
from heddle.engines.plugins.options import base_of, is_options
from heddle.engines.plugins.plugin import KINDS, Offer, first_line
from heddle.errors import PluginError, nearest

_NAME = re.compile(r"[A-Za-z0-9][\w.+-]*")
_LOADER = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


def collect(module: Any, distribution: str) -> tuple[list[Offer], list[str], list[str]]:
    """Call every hook that `module` implements and return (offers, config paths, faults).

    A hook that raises, returns something else than its specification says, or doesn't exist is a fault, reported in
    one line; the others are called all the same.
    """
    manager = pluggy.PluginManager(NAMESPACE)
    manager.add_hookspecs(hookspecs)
    offers: list[Offer] = []
    paths: list[str] = []
    faults: list[str] = []
    try:
        manager.register(module)
    except (Exception, SystemExit) as error:
        return [], [], [first_line(error)]
    hooks = {f"heddle_{plugin_kind}s": plugin_kind for plugin_kind in KINDS}
    for caller in manager.get_hookcallers(module) or []:
        for implementation in caller.get_hookimpls():
            try:
                if caller.name not in hooks and caller.name != "heddle_config_paths":
                    if implementation.optionalhook:
                        continue
                    known = [*hooks, "heddle_config_paths"]
                    raise PluginError(
                        f"no such hook in plugin API {hookspecs.PLUGIN_API}{nearest(caller.name, known)}"
                    )
                answer = implementation.function()
                if caller.name in hooks:
                    offers += _offers(hooks[caller.name], answer, distribution)
                else:
                    paths += _config_paths(answer)
            except (Exception, SystemExit) as error:
                message = str(error) if isinstance(error, PluginError) else first_line(error)
                faults.append(f"{caller.name}: {message}")
    return offers, paths, faults


def _offers(plugin_kind: str, answer: Any, distribution: str) -> list[Offer]:
    """Check a hook's answer and return it as offers, each with the reason why it is unavailable, if it is."""
    expected: Any = KINDS[plugin_kind]
    if not isinstance(answer, (list, tuple)) or isinstance(answer, expected):
        raise PluginError(
            f"found {type(answer).__name__}, expected a list of {expected.__name__}; return [] for none"
        )
    offers: list[Offer] = []
    for info in answer:
        if not isinstance(info, expected):
            raise PluginError(f"found an entry of type {type(info).__name__}, expected {expected.__name__}")
        _check(info)
        _check_capabilities(plugin_kind, info)
        offer = Offer(plugin_kind, info, distribution)
        if any(offer.key == other.key for other in offers):
            raise PluginError(f"found {offer.label} twice, expected each name once")
        reason = _unavailable(info)
        offers.append(offer._replace(status="unavailable", reason=reason) if reason else offer)
    return offers


def _check(info: Any) -> None:
    """Raise PluginError for a field that isn't what its Info says."""
    texts = {"name": _NAME, "loader": _LOADER}
    if isinstance(info, KernelInfo):
        texts |= {"library": _NAME, "device": _NAME}
    for field, pattern in texts.items():
        value = getattr(info, field)
        if not isinstance(value, str) or not pattern.fullmatch(value):
            shape = '"module:attribute"' if field == "loader" else "letters, digits and . _ + -"
            raise PluginError(f"{type(info).__name__}.{field}: found {value!r}, expected {shape}")
    for field in ("needs", "backends") if isinstance(info, ModelInfo) else ("needs",):
        value = getattr(info, field)
        if isinstance(value, str) or not all(isinstance(entry, str) for entry in value):
            raise PluginError(
                f"{type(info).__name__}.{field}: found {value!r}, expected a tuple of names, ('torch',)"
            )
    options = getattr(info, "options", "module:Class")
    if isinstance(options, str):
        if not _LOADER.fullmatch(options):
            raise PluginError(f'{type(info).__name__}.options: found {options!r}, expected "module:Class"')
    elif not is_options(options, type(info)):
        expected = base_of(type(info)).__name__
        raise PluginError(
            f"{type(info).__name__}.options: found {options!r}, expected a frozen dataclass of {expected}"
        )


def _check_capabilities(plugin_kind: str, info: Any) -> None:
    """Raise PluginError for a capability that there isn't."""
    if not isinstance(info, (BackendInfo, ModelInfo)):
        return
    known = [capability.name for capability in CAPABILITIES[plugin_kind]]
    stated: Any = info.capabilities
    for name in [stated] if isinstance(stated, str) else stated:
        if isinstance(stated, str) or name not in known:
            hint = nearest(str(name), known) or ";"
            raise PluginError(
                f"{type(info).__name__}.capabilities: found {stated!r}, "
                f"expected a tuple of some of {known}{hint} fix it"
            )


def _unavailable(info: Any) -> str:
    """Say why an offer can't be used here, "" if it can."""
    reason = getattr(info, "unavailable", "")
    if reason:
        return str(reason)
    missing = [name for name in info.needs if not is_installed(name)]
    return f"needs {' and '.join(missing)}, not found here; install what is missing" if missing else ""


def _config_paths(answer: Any) -> list[str]:
    if not isinstance(answer, (list, tuple)) or not all(isinstance(path, str) for path in answer):
        raise PluginError(
            f"found {answer!r}, expected a list of search paths such as ['pkg://my_plugin.conf']"
        )
    for path in answer:
        if not path.startswith(("pkg://", "file://")):
            raise PluginError(f"found {path!r}, expected 'pkg://package.conf' or 'file:///folder'")
    return list(answer)
