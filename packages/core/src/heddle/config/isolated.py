"""isolated_hydra: Hydra for a function of ours, without a trace in the Hydra of whoever calls it."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.singleton import Singleton
from hydra.version import VersionBase

from heddle.config.compose import PluginFolders

_LOCK = RLock()
"""Hydra keeps its state in the process: two threads compose one after the other."""

_OWN = ("hydra", "_dummy_empty_config_.yaml")
"""What Hydra itself keeps in its ConfigStore."""

_SINGLETONS: tuple[type, ...] = (GlobalHydra, VersionBase)


@contextmanager
def isolated_hydra() -> Iterator[None]:
    """Let a block use Hydra as if nothing else in this process did, and restore its state afterwards.

    A program may be a Hydra app of its user's: its groups, say "model", are not seen in the block, and those of the
    block not after it; its `GlobalHydra` and its `version_base` are the same objects before and after. Blocks of
    several threads come one after the other.
    """
    with _LOCK:
        store = ConfigStore.instance()
        repo, folders = store.repo, PluginFolders.folders
        instances = {cls: Singleton._instances.pop(cls) for cls in _SINGLETONS if cls in Singleton._instances}
        store.repo = {name: node for name, node in repo.items() if name in _OWN}
        try:
            yield
        finally:
            store.repo, PluginFolders.folders = repo, folders
            for cls in _SINGLETONS:
                Singleton._instances.pop(cls, None)
            Singleton._instances.update(instances)
