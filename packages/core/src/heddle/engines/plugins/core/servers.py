"""Servers of core, described; each is loaded on use."""

from heddle.engines.hookspecs import ServerInfo

_START, _OPTIONS = "heddle.serving.deploy:start", "heddle.serving.options"

SERVERS: list[ServerInfo] = [
    ServerInfo(
        "heddle",
        "a small server of the Open Inference Protocol",
        _START,
        options=f"{_OPTIONS}:HeddleServer",
    ),
    ServerInfo(
        "triton",
        "the real Triton of nvidia-pytriton, in its own environment",
        _START,
        options=f"{_OPTIONS}:TritonServer",
    ),
]
