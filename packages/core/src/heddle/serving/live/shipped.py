"""LogReader: frames of a live graph's log as they are on disk, for a follower on another machine, which reads them."""

from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path

from heddle.errors import DataError, problem
from heddle.serving.live.log import (
    START,
    first_number,
    frame_bytes,
    frames_of,
    read_frames,
    segment_path,
    segments,
)

MOST = 1 << 20
"""Bytes that are given together, unless one append alone is larger."""

PLACES = 64
"""Ends of what was given that are remembered, so that the next call goes on from there."""


class GoneError(LookupError):
    """Appends that a compaction has taken out of the log."""


class LogReader:
    """Reads frames after a number; one thread uses it.

    Args:
        folder: of the segments.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        self._places: OrderedDict[int, tuple[int, int]] = OrderedDict()

    def after(self, number: int, upto: int) -> bytes:
        """Return the frames from number + 1 to `upto`, as many as fit into MOST; b"" for none.

        Raises:
            GoneError: they are no longer in the log.
        """
        if number >= upto:
            return b""
        position = self._places.get(number)
        if position is None or not segment_path(self._folder, position[0]).exists():  # compacted since
            position = self._place(number)
        segment, end = position
        parts: list[bytes] = []
        size, last = 0, number
        while size < MOST and last < upto:
            try:
                for frame in read_frames(segment_path(self._folder, segment), end):
                    if frame.number > upto or (parts and size + len(frame.content) > MOST):
                        break
                    parts.append(frame_bytes(frame.number, frame.content))
                    size, last, end = size + len(parts[-1]), frame.number, frame.end
            except FileNotFoundError:
                raise GoneError(number) from None
            if last >= upto or not segment_path(self._folder, segment + 1).exists() or size:
                break
            segment, end = segment + 1, START
        self._places[last] = segment, end
        if len(self._places) > PLACES:
            self._places.popitem(last=False)
        return b"".join(parts)

    def _place(self, number: int) -> tuple[int, int]:
        """Return (segment, position) behind the frame of a number."""
        for segment in reversed(segments(self._folder)):
            path = segment_path(self._folder, segment)
            first = first_number(path)
            if first is None or first > number:
                continue
            end = START
            for frame in read_frames(path):
                if frame.number > number:
                    break
                end = frame.end
            return segment, end
        raise GoneError(number)


def shipped(content: bytes, after: int) -> Iterator[bytes]:
    """Yield what frames hold that `LogReader.after` gave, in their order.

    Raises:
        DataError: a frame that is cut or changed, or isn't the next.
    """
    number, end = after, 0
    for frame in frames_of(content):
        if frame.number != number + 1:
            break
        number, end = frame.number, frame.end
        yield frame.content
    if end != len(content):
        expected = f"append {number + 1}, whole"
        raise DataError(
            problem("followed log", f"{len(content) - end} bytes of something else", expected, "ask again")
        )
