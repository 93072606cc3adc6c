"""supervisor: runs one server, and ends it, with all its processes and shared memory, when its launcher is gone.

Run by its path, it needs nothing but Python. A line of JSON on standard input says what to run; the end of standard
input, which comes however the launcher ends, says that it is over. So does a signal.
"""

import contextlib
import ctypes
import glob
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

PID = "@PID@"
"""Stands for the supervisor's process id in the command; names of shared memory begin with heddle-PID-."""

SHARED = "/dev/shm/heddle-"
_PDEATHSIG = 1


def main() -> int:
    """Run the server of standard input's first line until it ends or has to; return its exit status."""
    order: dict[str, Any] = json.loads(sys.stdin.readline())
    stopped = Stop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stopped)
    remove_shared(stale())
    with open(order["log"], "ab") as log:
        server = subprocess.Popen(
            [word.replace(PID, str(os.getpid())) for word in order["command"]],
            env=order["env"],
            cwd=order["folder"],  # of its own: an embedded Python puts the current one on its import path
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
    try:
        with selectors.DefaultSelector() as ears:
            ears.register(sys.stdin, selectors.EVENT_READ)
            while server.poll() is None and not stopped.asked:
                if ears.select(0.1) and not os.read(sys.stdin.fileno(), 4096):
                    break
    finally:
        _end(server, order["grace"])
        remove_shared(glob.glob(f"{SHARED}{os.getpid()}-*"))
        for path in order["remove"]:
            shutil.rmtree(path, ignore_errors=True)
    return server.returncode


class Stop:
    """Remembers that a signal came."""

    asked = False

    def __call__(self, *_: object) -> None:
        self.asked = True


def stale() -> Iterator[str]:
    """Yield the shared memory of keepers that are gone, as SIGKILL leaves it."""
    for path in glob.glob(f"{SHARED}*"):
        pid = path.removeprefix(SHARED).partition("-")[0]
        if pid.isdecimal() and not os.path.exists(f"/proc/{pid}"):
            yield path


def remove_shared(paths: Any) -> None:
    """Unlink shared memory; what is gone already is fine."""
    for path in paths:
        with contextlib.suppress(OSError):
            os.unlink(path)


def _end(server: "subprocess.Popen[bytes]", grace: float) -> None:
    """Ask the server to end, and after `grace` seconds make its whole group."""
    if server.poll() is None:
        server.terminate()
        end = time.monotonic() + grace
        while server.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()


def _die_with_parent() -> None:
    """Let the kernel kill this process if the supervisor is killed."""
    ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
