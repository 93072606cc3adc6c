"""limits: what is refused of a request before its body is read: a wrong host or token, two lengths, too many bytes."""

import hmac
import zlib
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

LOCAL = frozenset({"localhost", "127.0.0.1", "[::1]"})
"""Names of this machine, which are always answered."""


class Refused(Exception):
    """A request is refused: a status and one sentence."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status, self.message = status, message


class Door(NamedTuple):
    """Who may come in.

    Attributes:
        hosts: names in the Host header, without a port; "*" for all.
        token: that a request must bring; None for none.
        body_bytes: of the largest body.
    """

    hosts: Collection[str]
    token: bytes | None
    body_bytes: int


def check_head(door: Door, headers: Mapping[bytes, list[bytes]], *, open_to_all: bool = False) -> None:
    """Check the head of a request.

    Args:
        headers: name in lower case -> every value.
        open_to_all: whether no token is asked for, as for health.

    Raises:
        Refused: a foreign Host, a missing token, a body that is packed by others than gzip, or announced as too large.
    """
    hosts = headers.get(b"host", [])
    if len(hosts) != 1 or ("*" not in door.hosts and _name(hosts[0]) not in door.hosts):
        raise Refused(
            421, f"Host: found {b', '.join(hosts).decode('latin-1')!r}, expected a name of this server"
        )
    if (
        door.token is not None
        and not open_to_all
        and not brings(door.token, headers.get(b"authorization", []))
    ):
        raise Refused(401, "Authorization: found no valid token, expected Bearer TOKEN")
    length = headers.get(b"content-length", [])
    if len(length) > 1 or (length and b"transfer-encoding" in headers):
        raise Refused(400, "Content-Length: found two lengths of one body, expected one")
    if length and not (length[0].isdigit() and len(length[0]) < 20):
        raise Refused(400, "Content-Length: found no number, expected one")
    if length and int(length[0]) > door.body_bytes:
        raise too_large(door)
    if headers.get(b"content-encoding", [b"identity"]) not in ([b"identity"], [b"gzip"]):
        raise Refused(415, "Content-Encoding: found another than gzip, expected that or a plain body")


def brings(token: bytes, given: Sequence[bytes]) -> bool:
    """Tell whether the values of an Authorization header are one, and that one brings the token."""
    return len(given) == 1 and hmac.compare_digest(given[0], b"Bearer " + token)


class Unpacker:
    """Unpacks a body of gzip part by part, and never more of it than the largest body."""

    def __init__(self, door: Door):
        self._door, self._left = door, door.body_bytes
        self._zlib = zlib.decompressobj(zlib.MAX_WBITS | 16)

    def add(self, part: bytes) -> bytes:
        """Return what a part unpacks to. Raises Refused: no gzip, more after its end, or too large."""
        try:
            plain = self._zlib.decompress(part, self._left + 1)
        except zlib.error:
            raise Refused(400, "body: found no gzip, expected what Content-Encoding says") from None
        self._left -= len(plain)
        if self._left < 0:
            raise too_large(self._door)
        if self._zlib.unused_data:
            raise Refused(400, "body: found more after the end of its gzip, expected one body")
        return plain

    def end(self) -> None:
        """Check that a body is whole. Raises Refused: it isn't."""
        if not self._zlib.eof:
            raise Refused(400, "body: found the end of its gzip missing, expected all of it")


def too_large(door: Door) -> Refused:
    """Return the error for a body that is too large."""
    return Refused(
        413, f"body: found more than {door.body_bytes} bytes, expected at most that; send fewer rows"
    )


def _name(host: bytes) -> str:
    """Return a Host header without its port, in lower case."""
    text = host.decode("latin-1").lower()
    if text.startswith("["):
        return text.partition("]")[0] + "]"
    return text.rpartition(":")[0] if ":" in text else text
