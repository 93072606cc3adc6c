"""Peer: another process of the same server, asked over a socket of the machine; and metrics of several as one text."""

import asyncio
import json
import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from heddle.serving.online.limits import Refused

OWN_METRICS = "/metrics/own"
"""Where a process gives its own metrics alone."""


class Peer:
    """A process of the same server.

    Args:
        path: of its socket.
        token: that requests must bring, None for none.
        tls: whether it speaks TLS there, as it does to others.
    """

    def __init__(self, path: Path, token: bytes | None = None, tls: bool = False):
        self._path, self._tls = path, None
        self._authorization = b"" if token is None else b"authorization: Bearer " + token + b"\r\n"
        if tls:  # a socket in a folder of our own: nobody else can listen there
            self._tls = ssl.create_default_context()
            self._tls.check_hostname, self._tls.verify_mode = False, ssl.CERT_NONE

    async def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """Return (status, body) of a request. Raises Refused: the process isn't there."""
        try:
            name = "localhost" if self._tls else None
            reader, writer = await asyncio.open_unix_connection(
                str(self._path), ssl=self._tls, server_hostname=name
            )
            try:
                head = f"{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
                length = f"content-length: {len(body)}\r\n\r\n"
                writer.write(head.encode() + self._authorization + length.encode() + body)
                status = int((await reader.readline()).split(b" ", 2)[1])
                while (await reader.readline()).strip():
                    pass
                return status, await reader.read()
            finally:
                writer.close()
        except (OSError, IndexError, ValueError) as error:
            message = f"found no process that appends ({type(error).__name__}), expected one; come again in a second"
            raise Refused(503, message) from error


def error_of(body: bytes) -> str:
    """Return the sentence of a refusal."""
    try:
        content: Any = json.loads(body)
        return str(content["error"])
    except (ValueError, KeyError, TypeError):
        return "found no reason"


def summed(texts: Iterable[str]) -> str:
    """Return metrics of several processes as one text in Prometheus' format: each number is the sum of theirs."""
    families: dict[str, dict[str, float]] = {}
    for text in texts:
        family: dict[str, float] = {}
        for line in text.splitlines():
            if line.startswith("#"):
                family = families.setdefault(line, {})
            else:
                name, _, value = line.rpartition(" ")
                family[name] = family.get(name, 0.0) + float(value)
    lines = [
        line
        for head, family in families.items()
        for line in (head, *(f"{name} {value:.15g}" for name, value in family.items()))
    ]
    return "\n".join(lines) + "\n"
