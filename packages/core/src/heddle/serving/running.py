"""launch: start a server of a repository as a process of its own that ends, whatever happens, with this one."""

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from heddle.errors import ConfigError, HeddleError, problem
from heddle.isolated import child_environment, python_module
from heddle.serving import supervisor
from heddle.serving.bundle.programs import PROGRAMS, exported_in
from heddle.serving.client import Client
from heddle.serving.environment import default_environment
from heddle.serving.local import different
from heddle.serving.repository import read_sample
from heddle.serving.served import repository_models
from heddle.serving.triton import Command, Ports, triton_command

SERVERS = ("triton", "heddle")
GRACE = 10.0
"""Seconds that a server gets to end by itself."""


class Running:
    """A server that runs; leaving it as a context stops it.

    Attributes:
        http, grpc, metrics: addresses; grpc is "" for a server without it.
        pid: of the supervisor, whose end is the server's.
    """

    def __init__(self, supervisor: "subprocess.Popen[bytes]", ports: Ports, log: Path):
        self._keeper, self._log = supervisor, log
        self.http = f"http://127.0.0.1:{ports.http}"
        self.grpc = f"grpc://127.0.0.1:{ports.grpc}" if ports.grpc else ""
        self.metrics = f"http://127.0.0.1:{ports.metrics}/metrics"
        self.pid = supervisor.pid

    def __enter__(self) -> "Running":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def alive(self) -> bool:
        """Tell whether the server runs."""
        return self._keeper.poll() is None

    def wait(self) -> int:
        """Wait for the server's end and return its exit status."""
        return self._keeper.wait()

    def stop(self) -> None:
        """End the server, and wait until its processes, ports and shared memory are gone."""
        if self._keeper.stdin is not None and not self._keeper.stdin.closed:
            self._keeper.stdin.close()
        self._keeper.wait(GRACE + 10)

    def log_end(self) -> str:
        """Return the end of what the server wrote."""
        return self._log.read_text(encoding="utf-8", errors="replace")[-3000:] if self._log.exists() else ""


def launch(
    repository: str | Path,
    server: str = "triton",
    *,
    ports: Mapping[str, int] | None = None,
    environment: str | Path | None = None,
    timeout: float = 120.0,
) -> Running:
    """Start a server on 127.0.0.1, wait until it is ready and answers every model's sample rightly, and return it.

    Args:
        repository: folder of `write_repository`.
        server: "triton", the real one, or "heddle", `heddle serve` (HTTP alone).
        ports: of "http", "grpc" and "metrics"; those left out are chosen.
        environment: that the real Triton runs in; None for ~/.cache/heddle/triton.
        timeout: seconds until it must be ready.

    Raises:
        ConfigError: no models, or another server.
        PluginError: the environment isn't fit to serve.
        HeddleError: the server ended, wasn't ready in time, or gives other numbers than the model.
    """
    root = Path(repository).expanduser().resolve()
    if server not in SERVERS:
        raise ConfigError(problem("deploy.name", repr(server), f"one of {SERVERS}", "name one"))
    if not repository_models(root):
        raise ConfigError(
            problem(str(root), "no models", "a repository", "export one with heddle deploy export")
        )
    if server == "heddle":
        return serve_bundle(root, {}, port=(ports or {}).get("http", 0), timeout=timeout)
    folder = Path(environment).expanduser() if environment else default_environment()
    chosen = _ports(ports or {}, grpc=True)

    def command(scratch: Path) -> Command:
        return triton_command(root, folder, chosen, scratch)

    return _started(command, chosen, timeout, root)


def serve_bundle(
    root: str | Path, settings: Mapping[str, Any], *, port: int = 0, timeout: float = 120.0
) -> Running:
    """Start `heddle serve` on a bundle or a repository as a process of its own, and return it once it is ready.

    Args:
        settings: keys of the `serve` node (`heddle.serving.online.options.ServeOptions`), but its port.
        port: 0 for a free one.

    Raises:
        ConfigError: the port is taken.
        DataError: nothing that can be served.
        HeddleError: the server ended, wasn't ready in time, or gives other numbers than the model.
    """
    exported, root = exported_in(root), Path(root).expanduser().resolve()
    chosen = _ports({"http": port}, grpc=False)
    keys = [f"serve.{key}={json.dumps(value)}" for key, value in settings.items()]
    arguments = ["serve", f"bundle={root}", f"serve.port={chosen.http}", *keys]

    def command(_: Path) -> Command:
        return Command(python_module("heddle", *arguments), child_environment())

    return _started(command, chosen, timeout, exported.repository if exported.holds == PROGRAMS else None)


def _started(
    command: Callable[[Path], Command], ports: Ports, timeout: float, repository: Path | None
) -> Running:
    """Start what `command` says for a folder for its own files; ask the samples of a repository's models."""
    scratch = Path(tempfile.mkdtemp(prefix="heddle-serve-"))
    log = scratch / "server.log"
    try:
        made = command(scratch)
    except BaseException:
        shutil.rmtree(scratch)
        raise
    running = Running(_keep(made, log, scratch), ports, log)
    try:
        _await(running, timeout)
        if repository is not None:
            _verify(running, repository)
    except BaseException:
        running.stop()
        raise
    return running


def _keep(command: Command, log: Path, scratch: Path) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        [sys.executable, "-I", supervisor.__file__], stdin=subprocess.PIPE, start_new_session=True
    )
    assert process.stdin is not None
    order = {
        "command": command.arguments,
        "env": command.env,
        "log": str(log),
        "folder": str(scratch),
        "grace": GRACE,
        "remove": [str(scratch)],
    }
    process.stdin.write(json.dumps(order).encode() + b"\n")
    process.stdin.flush()
    return process


def _await(running: Running, timeout: float) -> None:
    end = time.monotonic() + timeout
    last = ""
    while time.monotonic() < end:
        last = running.log_end() or last
        if not running.alive():
            raise HeddleError(problem("server", f"that it ended ({last[-600:]})", "it to run", "fix that"))
        with Client(running.http) as client:
            if client.ready():
                return
        time.sleep(0.1)
    actual = f"it not ready after {timeout:g} s ({last[-600:]})"
    raise HeddleError(problem("server", actual, "it ready", "raise deploy.timeout"))


def _verify(running: Running, repository: Path) -> None:
    """Ask every model its sample, by every protocol: a server that is ready may still answer nonsense."""
    for version in repository_models(repository):
        name = version.parent.name
        if not (version / "sample.npz").is_file():  # a bundle of rows, which holds none
            continue
        inputs, outputs = read_sample(version)
        for address in filter(None, (running.http, running.grpc)):
            with Client(address) as client:
                difference = different(client.infer(name, inputs), outputs)
            if difference:
                where = f"{name} at {address}"
                raise HeddleError(
                    problem(where, difference, "the model's own numbers", "build the environment again")
                )


def _ports(given: Mapping[str, int], *, grpc: bool) -> Ports:
    """Return ports, free ones where none is given; a server without gRPC has its metrics on the HTTP port."""
    taken = []
    try:
        ports = {}
        for name in Ports._fields:
            listener = socket.socket()
            taken.append(listener)
            try:
                listener.bind(("127.0.0.1", int(given.get(name) or 0)))
            except OSError as error:
                actual = f"port {given.get(name)} taken ({error.strerror})"
                do = "choose another, or null"
                raise ConfigError(problem(f"deploy.{name}_port", actual, "a free port", do)) from error
            ports[name] = listener.getsockname()[1]
    finally:
        for listener in taken:
            listener.close()
    return Ports(**ports) if grpc else Ports(ports["http"], 0, ports["http"])
