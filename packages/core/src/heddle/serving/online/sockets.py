"""sockets: where the processes of a server listen, for others and for each other."""

import socket
from pathlib import Path

from heddle.serving.online.options import ServeOptions


def socket_path(folder: Path, number: int) -> Path:
    """Return the socket of a process of a server; 0 is the one that appends."""
    return folder / f"{number}.socket"


def public_listener(options: ServeOptions, port: int) -> socket.socket:
    """Return a socket that listens on a port of the options' host, as other processes of the server do.

    Raises:
        OSError: the address can't be had.
    """
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    shared = options.workers > 1
    return socket.create_server((options.host, port), family=family, backlog=2048, reuse_port=shared)


def unix_listener(path: Path) -> socket.socket:
    """Return a socket of the machine that listens at a path."""
    path.unlink(missing_ok=True)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.bind(str(path))
    made.listen(2048)
    return made
