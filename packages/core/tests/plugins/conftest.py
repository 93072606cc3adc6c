"""Plugins written into a folder of `sys.path` for one test."""

import importlib
import itertools
import sys

import pytest

from heddle.engines.plugins import load_plugins
from heddle.testing.distributions import plugin_source, write_distribution

_numbers = itertools.count()


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return install(distribution, body, api=(1, 0), files={}) -> the plugin's module name."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def install(distribution, body="", api=(1, 0), source=None, files=None, version="1.0"):
        package = f"fake_{next(_numbers)}"
        files = {f"{package}/{path}": text for path, text in (files or {}).items()}
        files[f"{package}/__init__.py"] = files.get(f"{package}/__init__.py", "")
        files[f"{package}/plugin.py"] = plugin_source(body, api) if source is None else source
        write_distribution(tmp_path, distribution, files, version, plugin=f"{package}.plugin")
        importlib.invalidate_caches()
        return package

    yield install
    for name in [name for name in sys.modules if name.startswith("fake_")]:
        del sys.modules[name]


@pytest.fixture
def listed():
    """Return listed(prefer=()) -> distribution -> its Plugin."""

    def listed(prefer=()):
        return {plugin.distribution: plugin for plugin in load_plugins(prefer).plugins}

    return listed


def backend(name, needs=(), loader="heddle.ops.reference:NumpyOps", extra=""):
    """Return the source of a hook that brings one backend."""
    info = f"BackendInfo({name!r}, 'an engine', {loader!r}, needs={needs!r}{extra})"
    return f"@hookimpl\ndef heddle_backends():\n    return [{info}]\n"


@pytest.fixture
def backend_hook():
    """Return the writer of a hook that brings one backend."""
    return backend
