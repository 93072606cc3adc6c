"""Plugin and Offer: what one entry point brought, and whether it may be used."""

from typing import NamedTuple

from heddle.engines.hookspecs import (
    BackendInfo,
    DatasetInfo,
    EtlEngineInfo,
    KernelInfo,
    ModelInfo,
    ServerInfo,
    TrackerInfo,
)

Info = BackendInfo | KernelInfo | ModelInfo | DatasetInfo | TrackerInfo | ServerInfo | EtlEngineInfo

KINDS: dict[str, type] = {
    "backend": BackendInfo,
    "kernel": KernelInfo,
    "model": ModelInfo,
    "dataset": DatasetInfo,
    "tracker": TrackerInfo,
    "server": ServerInfo,
    "etl_engine": EtlEngineInfo,
}
"""What a plugin may bring; the hook of kind k is `heddle_<k>s`."""

STATUSES = ("ok", "unavailable", "duplicate", "refused", "broken")
"""ok: usable. unavailable: something it needs isn't installed. duplicate: another distribution claims the same name.
refused: written for another major version of the plugin API. broken: it raised, or answered with nonsense."""


class Offer(NamedTuple):
    """One thing that a plugin brings, e.g. the backend "pyg".

    Attributes:
        plugin_kind: one of KINDS.
        status: "ok", "unavailable", "duplicate", or "yielded" to the distribution that `plugins.prefer` names.
        reason: why it can't be used, "" if it can.
    """

    plugin_kind: str
    info: Info
    distribution: str
    status: str = "ok"
    reason: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        """What no other offer may be: ("backend", "pyg"), ("kernel", "segment_matmul", "torch", "cuda")."""
        if isinstance(self.info, KernelInfo):
            return (self.plugin_kind, self.info.name, self.info.library, self.info.device)
        return (self.plugin_kind, self.info.name)

    @property
    def label(self) -> str:
        """Its name for people: "backend 'pyg'", "kernel 'segment_matmul' (torch, cuda)"."""
        library_and_device = f" ({', '.join(self.key[2:])})" if self.key[2:] else ""
        return f"{self.plugin_kind} {self.info.name!r}{library_and_device}"


class Plugin(NamedTuple):
    """One entry point of the group `heddle.plugins`.

    Attributes:
        name: the entry point's name.
        distribution: the distribution that brought it, "heddle-core" for core's own.
        version: that distribution's version.
        status: one of STATUSES.
        reason: one line; never empty unless everything it brings is usable.
        offers: what it brings, as far as it could say.
        config_paths: Hydra search paths with its config groups.
    """

    name: str
    distribution: str
    version: str
    status: str = "ok"
    reason: str = ""
    offers: tuple[Offer, ...] = ()
    config_paths: tuple[str, ...] = ()


def first_line(error: BaseException) -> str:
    """Return "Type: first line of its message" of an exception, for a table's cell."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
