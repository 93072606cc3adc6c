"""serve: a bundle on uvicorn until it is stopped: heads that are too long or too slow are closed on."""

import gc
import logging
import signal
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from heddle.errors import ConfigError, problem
from heddle.extras import require
from heddle.serving.bundle.bundle import Bundle
from heddle.serving.bundle.programs import PROGRAMS, exported_in
from heddle.serving.live.room import Room
from heddle.serving.online.application import Application
from heddle.serving.online.following import FollowingService, Leader
from heddle.serving.online.grpc.door import GrpcDoor
from heddle.serving.online.http import HttpApplication
from heddle.serving.online.metrics import Metrics
from heddle.serving.online.options import ServeOptions
from heddle.serving.online.peers import Peer
from heddle.serving.online.programs import ProgramsApplication
from heddle.serving.online.readers import Readers
from heddle.serving.online.reading import ReadingService
from heddle.serving.online.service import Service
from heddle.serving.online.sockets import public_listener, socket_path

log = logging.getLogger(__name__)

HEAD_BYTES = 64 << 10
"""Bytes of the longest head of a request."""


def server(
    root: str | Path, options: ServeOptions, registry: Any, folder: Path | None = None, number: int = 0
) -> Any:
    """Return a uvicorn.Server of a bundle or a repository; `run([socket])` serves until it is stopped by SIGTERM or
    SIGINT, and finishes what it began.

    Args:
        folder: where the sockets of a server's processes are; None for a single one.
        number: of this process; 0 appends.

    Raises:
        ConfigError: an address that others reach, without a token.
        DataError: a broken bundle, or one that another process serves.
        PluginError: uvicorn, httptools or msgspec isn't installed.
    """
    uvicorn = require("uvicorn", "serve")
    require("httptools", "serve")
    token = _token(options)
    if token is None and options.host not in ("127.0.0.1", "::1", "localhost"):
        expected = "a token, since others than this machine's programs reach it"
        raise ConfigError(problem("serve.host", options.host, expected, "add serve.token_file=FILE"))
    metrics, exported = Metrics(), exported_in(root)
    application: HttpApplication
    if exported.holds == PROGRAMS:
        application = ProgramsApplication(exported.repository, options, metrics, token)
    else:
        room, follows = Room(options.room_entries, options.room_nodes), number > 0
        leader = Leader(options.follow, token) if options.follow else None
        bundle = Bundle(root, registry, room, follows=follows)
        if folder is not None and follows:
            writer = Peer(socket_path(folder, 0), token, options.certificate is not None)
            service: Service = ReadingService(bundle, options, metrics, writer)
        elif leader is not None:
            service = FollowingService(bundle, options, metrics, leader)
        else:
            service = Service(bundle, options, metrics)
        application = Application(service, options, metrics, token, number)
    if options.grpc_port is not None:
        application.beside = GrpcDoor(application, options, metrics, token, options.grpc_port)
    if folder is not None:
        application.peers = [
            Peer(socket_path(folder, other), token, options.certificate is not None)
            for other in range(options.workers)
            if other != number
        ]
    gc.collect()
    gc.freeze()  # what is there now stays: no later collection walks it while requests wait
    config = uvicorn.Config(
        application,
        http=_protocol(options),
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=options.connections,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=10,
        ssl_certfile=options.certificate,
        ssl_keyfile=options.private_key,
    )
    return uvicorn.Server(config)


def serve(
    root: str | Path, options: ServeOptions, registry: Any, public: socket.socket, ready: Callable[[], None]
) -> None:
    """Serve a bundle or a repository on a listening socket, by `options.workers` processes, until it is stopped.

    Args:
        ready: is called once requests are about to be answered.

    Raises:
        HeddleError: as `server`.
    """
    if options.workers == 1:
        made = server(root, options, registry)
        ready()
        made.run([public])
        return
    # uvicorn raises the signal that stopped it once more when it is done: the others are ended after that
    signal.signal(signal.SIGTERM, lambda *_: None)
    with Readers(Path(root), options, public.getsockname()[1]) as readers:
        made = server(root, options, registry, readers.folder)
        readers.start()
        ready()
        made.run([public, readers.listener])


def listening(options: ServeOptions) -> socket.socket:
    """Return a socket that listens where the options say. Raises ConfigError: the address can't be had."""
    alone = replace(options, workers=1)
    if options.grpc_port is not None:  # another package listens there: find out first that it can
        _listener("serve.grpc_port", alone, options.grpc_port, "choose another").close()
    do = "choose another, or 0 for a free one"
    if options.workers > 1:  # the port is shared by processes: find out first that no other server has it
        _listener("serve.port", alone, options.port, do).close()
    return _listener("serve.port", options, options.port, do)


def _listener(name: str, options: ServeOptions, port: int, do: str) -> socket.socket:
    try:
        return public_listener(options, port)
    except OSError as error:
        raise ConfigError(problem(name, f"{port} ({error.strerror})", "a free port", do)) from error


def _token(options: ServeOptions) -> bytes | None:
    if options.token_file is None:
        return None
    token = Path(options.token_file).read_bytes().strip()
    if len(token) < 16:
        raise ConfigError(
            problem("serve.token_file", f"{len(token)} bytes", "16 at least", "write a longer token")
        )
    return token


def _protocol(options: ServeOptions) -> Any:
    """Return uvicorn's protocol with a bound on the bytes of a head and the time that it takes."""
    base: Any = require("uvicorn.protocols.http.httptools_impl", "serve").HttpToolsProtocol

    class Bounded(base):  # type: ignore[misc]
        """A connection whose heads are short and quick."""

        def connection_made(self, transport: Any) -> None:
            """Begin to wait for a head."""
            super().connection_made(transport)
            self._head_bytes, self._timer, self._in_head = 0, None, True
            self._wait()

        def connection_lost(self, error: Any) -> None:
            """Wait no more."""
            self._rest()
            super().connection_lost(error)

        def data_received(self, data: bytes) -> None:
            """Read on; a head that isn't whole by then has its time."""
            super().data_received(data)
            if self._in_head and self._timer is None and not self.transport.is_closing():
                self._wait()

        def on_message_begin(self) -> None:
            """Count a new head."""
            self._head_bytes, self._in_head = 0, True
            super().on_message_begin()

        def on_url(self, url: bytes) -> None:
            """Count a path."""
            self._count(len(url))
            super().on_url(url)

        def on_header(self, name: bytes, value: bytes) -> None:
            """Count a header."""
            self._count(len(name) + len(value))
            super().on_header(name, value)

        def on_headers_complete(self) -> None:
            """A head is there."""
            self._in_head = False
            self._rest()
            if not self.transport.is_closing():
                super().on_headers_complete()

        def _count(self, size: int) -> None:
            self._head_bytes += size
            if self._head_bytes > HEAD_BYTES and not self.transport.is_closing():
                self.transport.write(
                    b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n\r\n"
                )
                self.transport.close()

        def _wait(self) -> None:
            self._timer = self.loop.call_later(options.head_seconds, self._late)

        def _rest(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _late(self) -> None:
            self._timer = None
            if not self.transport.is_closing():
                self.transport.close()

    return Bounded
