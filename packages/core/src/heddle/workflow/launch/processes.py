"""processes: a training run by several processes, started here and watched: one failure ends all, with one error."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import IO, TYPE_CHECKING

from heddle import errors
from heddle.errors import HeddleError, LostProcessError
from heddle.isolated import child_environment, python_module
from heddle.options import TrackerOptions, plain
from heddle.workflow.folder import check_free, new_folder

if TYPE_CHECKING:
    from heddle.config.run import RunConfig

GRACE = 3.0
"""Seconds that the others get to say what they know once one has failed, and to end once they are asked to."""

NATIVE_LOG = re.compile(r"^([IWEF]\d{4} |\[Gloo\] |WARNING: All log messages before absl)")
"""Lines that C++ libraries write about each other's ends."""


def run_processes(config: "RunConfig") -> Path | None:
    """Train what `config` describes in as many processes as its `launch` node says, or in the one of `launch.rank`.

    Returns the run folder, None where the process of rank 0, whose it is, runs on another machine.

    The process of rank 0 makes the run folder and speaks; the others do the same work and leave nothing behind.

    Args:
        config: of a new run; or that of an earlier run with its folder as `resume`.

    Raises:
        HeddleError: what any process raised, or that one was killed; the others have been stopped.
    """
    launch, folder = config.launch, config.resume
    ranks = range(launch.size) if launch.rank is None else [launch.rank]
    if not folder and 0 in ranks:
        check_free(config.run)
        folder = str(new_folder(config))
        config = replace(config, run=replace(config.run, dir=folder))
    coordinator = launch.coordinator or f"127.0.0.1:{_free_port()}"
    with TemporaryDirectory(prefix="heddle-") as notes:
        children = [_Child(rank, coordinator, config, Path(notes)) for rank in ranks]
        try:
            _watch(children)
        finally:
            _stop(children)
        _explain(children, launch.size, folder)
    return Path(folder) if folder and 0 in ranks else None


class _Child:
    """One process of the run."""

    def __init__(self, rank: int, coordinator: str, config: "RunConfig", notes: Path):
        self.rank, self._report = rank, notes / f"{rank}.json"
        child_config = replace(config, launch=replace(config.launch, rank=rank, coordinator=coordinator))
        order = notes / f"{rank}.config.json"
        order.write_text(json.dumps(plain(child_config, whole=True)), encoding="utf-8")
        arguments = str(order), str(self._report), str(os.getpid())
        self.process = subprocess.Popen(
            python_module("heddle.cli.worker", *arguments),
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        self.last_words = ""
        self.was_stopped = False
        speaks = rank == 0 or config.launch.rank is not None
        self._relays = [
            Thread(target=self._relay, args=(stream, target if speaks else None), daemon=True)
            for stream, target in ((self.process.stdout, sys.stdout), (self.process.stderr, sys.stderr))
        ]
        for relay in self._relays:
            relay.start()

    @property
    def failed(self) -> bool:
        """Whether it ended, and not well."""
        return self.process.poll() not in (None, 0)

    def report(self) -> dict[str, str] | None:
        """Return {"error": class, "message": ...} if it reported what went wrong."""
        return json.loads(self._report.read_text(encoding="utf-8")) if self._report.exists() else None

    def stop(self, deadline: float) -> None:
        """End it, if it hasn't yet, and read what it still has to say."""
        if self.process.poll() is None:
            self.was_stopped = True
            self.process.terminate()
            try:
                self.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        for relay in self._relays:
            relay.join(1.0)
        for stream, relay in zip((self.process.stdout, self.process.stderr), self._relays):
            if stream is not None and not relay.is_alive():
                stream.close()

    def _relay(self, stream: IO[str], target: IO[str] | None) -> None:
        for line in stream:
            if NATIVE_LOG.match(line):
                continue
            self.last_words = line.strip() or self.last_words
            if target is not None:
                print(line, end="", file=target, flush=True)


def _environment() -> dict[str, str]:
    """Return the variables of a process: what it prints is not held back, and it finds the modules that this one finds.

    The current folder is among them only where this process was started that way, as `python -m heddle` is.
    """
    variables = child_environment()
    if {"", os.getcwd()} & set(sys.path):
        variables["PYTHONPATH"] = os.pathsep.join(filter(None, [os.getcwd(), variables["PYTHONPATH"]]))
    return {**variables, "PYTHONUNBUFFERED": "1"}


def _watch(children: Sequence[_Child]) -> None:
    """Wait until all have ended, or for a moment longer once one has failed."""
    deadline = None
    while any(child.process.poll() is None for child in children):
        if deadline is None and any(child.failed for child in children):
            deadline = time.monotonic() + GRACE
        if deadline is not None and time.monotonic() > deadline:
            return
        time.sleep(0.05)


def _stop(children: Sequence[_Child]) -> None:
    deadline = time.monotonic() + GRACE
    for child in children:
        child.stop(deadline)


def _explain(children: Sequence[_Child], size: int, folder: str | None) -> None:
    """Raise what ended the run: an error that a process reported, else its death, else that the others were lost."""
    failed = [child for child in children if child.failed and not child.was_stopped]
    if not failed:
        return
    reports = {child.rank: report for child in failed if (report := child.report())}
    for report in reports.values():
        if report["error"] != LostProcessError.__name__:
            raise getattr(errors, report["error"], HeddleError)(report["message"])
    goes_on = f"go on with `heddle train resume={folder}`" if folder else "start it again"
    for child in failed:
        code = child.process.returncode
        if child.rank not in reports:
            how = f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
            last_line = f" ({child.last_words})" if code > 0 and child.last_words else ""
            raise LostProcessError(
                f"sharding: process {child.rank} of {size} {how}{last_line}; the others were stopped; {goes_on}"
            )
    raise LostProcessError(f"{next(iter(reports.values()))['message']}; {goes_on}")


@contextmanager
def own_folder(config: "RunConfig") -> Iterator["RunConfig"]:
    """Yield the configuration as it is for the process of rank 0; for others one that leaves nothing behind."""
    if config.launch.rank == 0:
        yield config
        return
    with TemporaryDirectory(prefix="heddle-") as folder:
        if config.resume:
            copy = Path(folder) / "run"
            shutil.copytree(config.resume, copy)
            yield replace(config, resume=str(copy))
        else:
            quiet = replace(config.trainer, checkpoint_every=0, progress=False)
            run = replace(config.run, dir=str(Path(folder) / "run"))
            yield replace(config, trainer=quiet, run=run, tracker=TrackerOptions("none"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        result: int = probe.getsockname()[1]
        return result
