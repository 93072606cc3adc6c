"""Log: what was appended, frame by frame, on disk before it is acknowledged; a torn end is cut off when it is opened.

A frame is `length, crc32, sequence number` (little endian, 4 + 4 + 8 bytes) and its content; the checksum is of the
number and the content. A segment, `NUMBER.log`, begins with MAGIC and the number of the frame before its first.
Segments follow each other without a gap.
"""

import io
import logging
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

from heddle.atomic import flush
from heddle.data.formats.text_files import fail
from heddle.errors import HeddleError, problem

log = logging.getLogger(__name__)

MAGIC = b"HEDLIVE1"
_FRAME = struct.Struct("<IIQ")
_NUMBER = struct.Struct("<Q")
START = len(MAGIC) + _NUMBER.size


class NoSpaceError(HeddleError, OSError):
    """A row can't be kept: the disk is full, or the live graph is; nothing of it was appended."""


class Frame(NamedTuple):
    """One frame: its number, its content, and where it ends in its segment."""

    number: int
    content: bytes
    end: int


class Log:
    """The segments of one folder, opened for writing.

    Args:
        folder: of the segments.
        first: the number of the segment to begin with where there is none.

    Raises:
        DataError: a segment that is not the last has a broken frame.
    """

    def __init__(self, folder: Path, first: int = 1):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        numbers = segments(folder)
        self.number = self.syncs = 0
        self._suspect = False
        if not numbers:
            self._segment = first
            self._open_new()
            return
        self._segment = numbers[-1]
        path = segment_path(folder, self._segment)
        before = first_number(path)
        if before is None:  # the process ended while it began the segment
            self.number = last_number(folder, numbers[:-1])
            self._open_new()
            return
        end, self.number = START, before
        for frame in read_frames(path):
            end, self.number = frame.end, frame.number
        self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self._end = end
        if (size := os.fstat(self._file).st_size) > end:
            log.warning("%s: cut %d bytes of a frame that was never finished", path, size - end)
            os.ftruncate(self._file, end)
            os.fsync(self._file)

    @property
    def segment(self) -> int:
        """The number of the segment that is written to."""
        return self._segment

    def append(self, contents: Sequence[bytes]) -> None:
        """Write frames and return once they are on disk.

        Raises:
            NoSpaceError: they can't be written; none of them is in the log.
        """
        if self._suspect:
            self.rotate()
        number = self.number + len(contents)
        whole = b"".join(frame_bytes(self.number + at, content) for at, content in enumerate(contents, 1))
        try:
            _write(self._file, whole, self._end)
            os.fdatasync(self._file)
            self.syncs += 1
        except OSError as error:
            self._take_back()
            message = error.strerror or str(error)
            raise NoSpaceError(
                problem(str(self.folder), message, "room for the log", "free space, then repeat")
            ) from error
        self._end += len(whole)
        self.number = number

    def rotate(self) -> int:
        """Begin a new segment and return its number. Raises NoSpaceError: it can't be made."""
        before = self._file
        self._segment += 1
        try:
            self._open_new()
        except OSError as error:
            self._segment -= 1
            self._file = before
            message = error.strerror or str(error)
            raise NoSpaceError(
                problem(str(self.folder), message, "room for the log", "free space, then repeat")
            ) from error
        os.close(before)
        self._suspect = False
        return self._segment

    def drop_before(self, segment: int) -> None:
        """Remove the segments before one."""
        for number in segments(self.folder):
            if number < segment:
                segment_path(self.folder, number).unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _take_back(self) -> None:
        """Cut off what a failed write left; where that fails too, the next frame goes to a new segment."""
        self._suspect = True
        try:
            os.ftruncate(self._file, self._end)
            os.fsync(self._file)
            self._suspect = False
        except OSError:
            log.exception("%s: the end of the log can't be taken back", self.folder)

    def _open_new(self) -> None:
        path = segment_path(self.folder, self._segment)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            _write(descriptor, MAGIC + _NUMBER.pack(self.number), 0)
            os.fsync(descriptor)
            flush(self.folder)
        except OSError:
            os.close(descriptor)
            path.unlink(missing_ok=True)
            raise
        self._file, self._end = descriptor, START


def segments(folder: Path) -> list[int]:
    """Return the numbers of a folder's segments, ascending."""
    return sorted(int(path.stem) for path in folder.glob("*.log") if path.stem.isdecimal())


def segment_path(folder: Path, number: int) -> Path:
    """Return where a segment lies."""
    return folder / f"{number:08d}.log"


def first_number(path: Path) -> int | None:
    """Return the number of the frame before a segment's first; None where its beginning isn't whole."""
    with open(path, "rb") as stream:
        head = stream.read(START)
    if len(head) < START or not head.startswith(MAGIC):
        return None
    return int(_NUMBER.unpack_from(head, len(MAGIC))[0])


def read_frames(path: Path, start: int = START) -> Iterator[Frame]:
    """Yield the sound frames of a segment from `start` on, up to the first that isn't."""
    with open(path, "rb") as stream:
        stream.seek(start)
        yield from _frames(stream, start)


def frames_of(content: bytes) -> Iterator[Frame]:
    """Yield the sound frames that follow each other in bytes, up to the first that isn't."""
    return _frames(io.BytesIO(content), 0)


def frame_bytes(number: int, content: bytes) -> bytes:
    """Return a frame of the log as it is on disk: the content's length, a checksum, the number, the content."""
    checked = _NUMBER.pack(number)
    return _FRAME.pack(len(content), zlib.crc32(content, zlib.crc32(checked)), number) + content


def _frames(stream: BinaryIO, end: int) -> Iterator[Frame]:
    while len(head := stream.read(_FRAME.size)) == _FRAME.size:
        length, crc, number = _FRAME.unpack(head)
        content = stream.read(length)
        if len(content) < length or zlib.crc32(content, zlib.crc32(head[8:])) != crc:
            return
        end += _FRAME.size + length
        yield Frame(number, content, end)


def replay(folder: Path, first: int) -> Iterator[bytes]:
    """Yield what frames hold, from a segment on, in order.

    Raises:
        DataError: a segment is missing, or one before the last has a broken frame: frames are missing there.
    """
    numbers = [number for number in segments(folder) if number >= first]
    number = None if not numbers else first_number(segment_path(folder, numbers[0]))
    for at, segment in enumerate(numbers):
        path = segment_path(folder, segment)
        if at and segment != numbers[at - 1] + 1:
            fail(
                path,
                f"segment {segment} after {numbers[at - 1]}",
                "every segment",
                "bring the missing one back",
            )
        for frame in read_frames(path):
            if number is None or frame.number != number + 1:
                expected = f"frame {(number or 0) + 1}"
                fail(path, f"frame {frame.number} after {number}", expected, "bring the log back from a copy")
            number = frame.number
            yield frame.content


def last_number(folder: Path, numbers: Sequence[int]) -> int:
    """Return the number of the last sound frame of segments, 0 for none."""
    if not numbers:
        return 0
    path = segment_path(folder, numbers[-1])
    last = first_number(path) or 0
    for frame in read_frames(path):
        last = frame.number
    return last


def _write(descriptor: int, content: bytes, at: int) -> None:
    view = memoryview(content)
    while view:
        done = os.pwrite(descriptor, view, at)
        view, at = view[done:], at + done
