"""open_text: a file's bytes as UTF-8 without a byte order mark, unzipped by its first bytes whatever its name."""

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from heddle.data.etl.cells.source import File
from heddle.data.formats.text_files import fail
from heddle.extras import require

GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@contextmanager
def open_text(file: File, encoding: str) -> Iterator[Any]:
    """Give a stream of the file's bytes in UTF-8.

    Raises:
        DataError: a cut or corrupt file, bytes that aren't of the encoding.
    """
    try:
        with file.stream() as raw:
            first = raw.read(4)
            raw.seek(0)
            stream: Any = raw
            if first.startswith(GZIP):
                stream = gzip.GzipFile(fileobj=raw)
            elif first == ZSTD:
                stream = require("pyarrow", "etl").CompressedInputStream(raw, "zstd")
            if codecs.lookup(encoding).name == "utf-8":
                yield _WithoutMark(stream, file)
            else:
                yield _Recoded(stream, encoding)
    except (OSError, EOFError, zlib.error) as error:
        actual = f"a file that can't be read ({error})"
        fail(file, actual, "a whole file", "fetch it again")
    except UnicodeError as error:
        actual = f"bytes that are not {encoding} ({error})"
        if isinstance(error, UnicodeDecodeError):
            actual = f"byte 0x{error.object[error.start]:02x} that is not {encoding}"
        fail(file, actual, f"text in {encoding}", "name another encoding in the schema")


class _WithoutMark:
    """Bytes of UTF-8, less the mark that they may begin with."""

    def __init__(self, stream: Any, file: File):
        self._stream, self._file, self._start = stream, file, True

    def read(self, size: int) -> bytes:
        data = bytes(self._stream.read(size))
        if self._start:
            self._start = False
            if data[:2] in UTF16:
                do = "add encoding: utf-16 to the table"
                fail(self._file, "the mark of UTF-16", "UTF-8", do)
            data = data.removeprefix(codecs.BOM_UTF8) or (bytes(self._stream.read(size)) if data else data)
        return data


class _Recoded:
    """Bytes of another encoding, as UTF-8."""

    def __init__(self, stream: Any, encoding: str):
        readable: Any = stream if isinstance(stream, io.IOBase) else io.BufferedReader(stream)
        self._text = io.TextIOWrapper(readable, encoding=encoding, newline="")
        self._start = True

    def read(self, size: int) -> bytes:
        text = self._text.read(size)
        if self._start:
            text, self._start = text.removeprefix("\ufeff"), False
        return text.encode()
