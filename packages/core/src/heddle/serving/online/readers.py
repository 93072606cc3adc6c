"""Readers: the other processes of a server, which score beside the one that appends: started, restarted and ended."""

import contextlib
import json
import logging
import shutil
import subprocess
import tempfile
import threading
from dataclasses import asdict
from pathlib import Path

from heddle.isolated import child_environment, python_module
from heddle.serving.online.options import ServeOptions
from heddle.serving.online.sockets import socket_path, unix_listener

log = logging.getLogger(__name__)

AGAIN = 1.0
"""Seconds until a process that ended is started again."""


class Readers:
    """The processes of a server besides this one, on the same port; leaving it as a context ends them.

    Args:
        port: among whose listeners the system shares connections out.

    Attributes:
        listener: the socket by which they ask this process, to be served as well.
    """

    def __init__(self, root: Path, options: ServeOptions, port: int):
        self._folder = Path(tempfile.mkdtemp(prefix="heddle-serve-"))  # of mode 700: nobody else gets in
        self._root, self._options, self._port = root, options, port
        self.listener = unix_listener(socket_path(self._folder, 0))
        self._ending = threading.Event()
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._watch = threading.Thread(target=self._restart, name="heddle-readers", daemon=True)

    @property
    def folder(self) -> Path:
        """Where the sockets of all processes are."""
        return self._folder

    def start(self) -> None:
        """Start them, once the process that appends has opened what is served."""
        self._processes |= {number: self._started(number) for number in range(1, self._options.workers)}
        self._watch.start()

    def __enter__(self) -> "Readers":
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        if self._watch.is_alive():
            self._watch.join()
        for process in self._processes.values():
            with contextlib.suppress(OSError):
                process.stdin.close()  # type: ignore[union-attr]
        for process in self._processes.values():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.listener.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _started(self, number: int) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            python_module("heddle.serving.online.reader"),
            env=child_environment(),
            stdin=subprocess.PIPE,
        )
        order = {
            "root": str(self._root.resolve()),
            "options": asdict(self._options),
            "port": self._port,
            "folder": str(self._folder),
            "number": number,
        }
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps(order).encode() + b"\n")
            process.stdin.flush()
        return process

    def _restart(self) -> None:
        while not self._ending.wait(AGAIN):
            for number, process in self._processes.items():
                if process.poll() is not None:
                    log.error(
                        "process %d of the server ended with %s; another is started",
                        number,
                        process.returncode,
                    )
                    self._processes[number] = self._started(number)
