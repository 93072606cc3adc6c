"""The `deploy` node of the servers that core brings."""

from dataclasses import dataclass

from heddle.options import ServerOptions, option


@dataclass(frozen=True)
class HeddleServer(ServerOptions):
    """A small server of the Open Inference Protocol over HTTP."""

    http_port: int | None = option(None, "null: a free one", least=1, below=65536)
    timeout: float = option(120.0, "seconds until it must be ready", least=0)


@dataclass(frozen=True)
class TritonServer(HeddleServer):
    """The real Triton of nvidia-pytriton, over HTTP and gRPC."""

    environment: str | None = option(
        None, "Python environment that Triton runs in; null: ~/.cache/heddle/triton"
    )
    grpc_port: int | None = option(None, "null: a free one", least=1, below=65536)
    metrics_port: int | None = option(None, "null: a free one", least=1, below=65536)
