"""Servers of core, described; each is loaded on use."""

from heddle.hookspecs import ServerInfo

SERVERS: list[ServerInfo] = [
    ServerInfo("heddle", "a small server of the Open Inference Protocol", "heddle.serving.deploy:start"),
    ServerInfo(
        "triton", "the real Triton of nvidia-pytriton, in its own environment", "heddle.serving.deploy:start"
    ),
]
