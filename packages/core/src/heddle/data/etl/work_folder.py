"""work_folder: where a preparation works, inside the folder it makes: locked, gone when it is done or was in vain."""

import fcntl
import getpass
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from heddle.data.formats.text_files import fail

WORK = ".work"
LOCK = "lock"
MADE = "made"
"""The prepared folder until it is whole; then its files go to where they belong."""


@contextmanager
def work_folder(root: Path) -> Iterator[Path]:
    """Give the folder `.work` in `root`, which no other preparation uses meanwhile.

    Steps that were finished stay in it after an error, for the next run. Nothing else stays.

    Raises:
        DataError: another preparation is at work in it; names its process, user and machine.
    """
    new = not root.exists()
    work = root / WORK
    descriptor = _locked(root, work)
    try:
        shutil.rmtree(work / MADE, ignore_errors=True)
        yield work
        shutil.rmtree(work)
    except BaseException:
        shutil.rmtree(work / MADE, ignore_errors=True)
        if not any(work.glob("*/*.parquet")):
            shutil.rmtree(work, ignore_errors=True)
            if new and not any(root.iterdir()):
                root.rmdir()
        raise
    finally:
        os.close(descriptor)


def _locked(root: Path, work: Path) -> int:
    """Return the descriptor of the lock; it ends with the process, however that ends."""
    while True:
        try:
            work.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(work / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            do = "check the path and its permissions"
            fail(root, f"a folder that can't be written ({error.strerror})", "one for what is made", do)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(descriptor, 200).decode(errors="replace") or "another process"
            os.close(descriptor)
            do = "wait for it, or choose another folder"
            fail(root, f"{owner} at work in it", "no other preparation", do)
        try:
            same = os.path.samestat(os.fstat(descriptor), os.stat(work / LOCK))
        except FileNotFoundError:  # the one before has just finished
            same = False
        if same:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, _owner().encode(), 0)
            return descriptor
        os.close(descriptor)


def _owner() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = str(os.getuid())
    return f"process {os.getpid()} of {user} on {socket.gethostname()}"
