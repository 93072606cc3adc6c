"""Servers of core, described; each is loaded on use."""

from heddle.engines.hookspecs import ServerInfo

_DEPLOY, _OPTIONS = "heddle.serving.deploy", "heddle.serving.options"

SERVERS: list[ServerInfo] = [
    ServerInfo(
        "heddle",
        "heddle serve: raw rows scored and appended over HTTP",
        f"{_DEPLOY}:serve",
        options=f"{_OPTIONS}:HeddleServer",
    ),
    ServerInfo(
        "triton",
        "the real Triton of nvidia-pytriton, in its own environment",
        f"{_DEPLOY}:start",
        options=f"{_OPTIONS}:TritonServer",
    ),
]
