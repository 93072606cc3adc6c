"""The settings of `heddle serve`."""

from collections.abc import Sequence
from dataclasses import dataclass

from heddle.options import build, option


@dataclass(frozen=True)
class ServeOptions:
    """A server of one bundle: where it listens, what it takes, and how much at a time."""

    host: str = option("127.0.0.1", "address to listen on; others than this machine's want a token")
    port: int = option(8000, "0: a free one", least=0, below=65536)
    grpc_port: int | None = option(
        None,
        "port of the Open Inference Protocol by gRPC, on the same address; null: none",
        least=1,
        below=65536,
    )
    hosts: tuple[str, ...] = option(
        (), "names in the Host header that are answered besides localhost; [*]: all"
    )
    token_file: str | None = option(None, "file of the bearer token that requests must bring; null: none")
    certificate: str | None = option(None, "PEM file of a certificate: requests come by TLS")
    private_key: str | None = option(None, "PEM file of its key")
    body_bytes: int = option(4 << 20, "bytes of the largest body", least=1)
    rows: int = option(4096, "rows of the largest request", least=1)
    concurrency: int = option(64, "whole requests that are worked on; more are refused with 429", least=1)
    connections: int = option(512, "open connections; more are closed immediately", least=1)
    head_seconds: float = option(5.0, "seconds until the head of a request must be there", least=0)
    body_seconds: float = option(10.0, "seconds until its body must be", least=0)
    workers: int = option(
        1, "processes: one appends, all score and share the mapped graph; limits hold for each", least=1
    )
    batch: int = option(64, "rows that are scored together", least=1)
    room_entries: int = option(
        4_000_000, "edges that fit until a compaction (an edge with a reverse: two)", least=2
    )
    room_nodes: int = option(1_000_000, "new nodes of a type that fit until a compaction", least=1)
    compact_at: float = option(0.25, "share of the room at which it is compacted", least=0, below=1)
    keep: str | None = option(
        None, "how old edges get, such as 365d, of times in seconds since 1970; null: none is left out"
    )
    drift_rows: int = option(
        128, "rows a second that are counted for the drift report; 0: none, and no report", least=0
    )
    follow: str | None = option(
        None, "http://HOST:PORT of a server whose appends are repeated here; null: rows are appended here"
    )
    follow_seconds: float = option(0.05, "seconds between questions for new appends", least=0)
    reload_seconds: float = option(
        2.0, "seconds between looks for a new model in the bundle; 0: never", least=0
    )


def serve_options(arguments: Sequence[str]) -> ServeOptions:
    """Return the node of words serve.KEY=VALUE, the last of each key. Raises ConfigError: an unknown key, or value."""
    import yaml

    pairs = (word.removeprefix("serve.").partition("=") for word in arguments)
    return build(ServeOptions, {key: yaml.safe_load(value) for key, _, value in pairs}, "serve")
