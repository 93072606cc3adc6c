"""The `deploy` node of the servers that core brings."""

from dataclasses import dataclass

from heddle.options import ServerOptions, option


@dataclass(frozen=True)
class HeddleServer(ServerOptions):
    """`heddle serve`: it answers from a bundle alone."""


@dataclass(frozen=True)
class TritonServer(ServerOptions):
    """The real Triton of nvidia-pytriton, over HTTP and gRPC."""

    repository: str | None = option(None, "folder of Triton's models; null: repository in the bundle")
    flavour: str = option(
        "python", "or ngc: FIL and onnxruntime, as in NVIDIA's containers", choices=("python", "ngc")
    )
    environment: str | None = option(
        None, "Python environment that Triton runs in; null: ~/.cache/heddle/triton"
    )
    http_port: int | None = option(None, "null: a free one", least=1, below=65536)
    grpc_port: int | None = option(None, "null: a free one", least=1, below=65536)
    metrics_port: int | None = option(None, "null: a free one", least=1, below=65536)
    timeout: float = option(120.0, "seconds until it must be ready", least=0)
