"""`heddle deploy` and `heddle serve` by the command line: a server, and what is refused."""

import signal
import subprocess
import sys

import numpy as np
import pytest

from heddle.cli import main
from heddle.serving.client import Client


def test_a_repository_is_served_as_it_is(repository, program, start):
    """What version 0.1.0 exported, a repository without a bundle around it, is served by `heddle serve` too."""
    command = [sys.executable, "-m", "heddle", "serve", f"bundle={repository}", "serve.port=0"]
    process = start(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    address = process.stdout.readline().strip()
    with Client(address) as client:
        index = np.array([[7]])
        actual = client.infer("program", {"index": index})["output"]
        assert actual == pytest.approx(program[1](index), abs=1e-5)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert "Traceback" not in err
    with Client(address) as client:
        assert not client.ready()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "write heddle deploy export, launch, drift, environment"),
        (("lunch",), "did you mean 'launch'?"),
        (("launch",), "deploy.repository: found none"),
        (("launch", "deploy=heddle", "run=mine"), "expected Triton; write heddle serve run=mine"),
        (("launch", "deploy=none"), "deploy=none serves nothing"),
        (("launch", "deploy=tritan"), "did you mean 'triton'?"),
        (("launch", "deploy.http_prot=1"), "did you mean 'deploy.http_port'?"),
        (("launch", "deploy.http_port=70000"), "expected less than 65536"),
        (("launch", "deploy.repository=/nowhere"), "no models"),
        (("export", "deploy.trees=all"), "expected one of"),
        (("export", "deploy=heddle"), "run: found none"),
        (("export", "model=gcn"), "is not about deploy"),
        (("launch", "deploy.repository=/nowhere", "deploy.flavour=ncg"), "did you mean 'ngc'?"),
    ],
)
def test_what_is_refused(capsys, arguments, message):
    assert main(["deploy", *arguments]) != 0
    err = capsys.readouterr().err
    assert message in err and err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "found neither, expected run=RUN or bundle=FOLDER"),
        (("export", "run=mine"), "write heddle deploy export run=RUN"),
        (("bundel=mine",), "did you mean 'bundle'?"),
        (
            ("bundle=/nowhere",),
            "no bundle.json, expected a bundle, or a repository; make one with heddle deploy export",
        ),
        (("bundle=/nowhere", "serve.prot=1"), "did you mean 'serve.port'?"),
    ],
)
def test_what_serve_refuses(capsys, arguments, message):
    assert main(["serve", *arguments]) != 0
    err = capsys.readouterr().err
    assert message in err and err.count("\n") == 1


def test_help(capsys):
    assert main(["deploy", "--help"]) == 0 and "heddle deploy launch" in capsys.readouterr().out
