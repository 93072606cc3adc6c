"""`heddle deploy`: a server by the command line, and what it refuses."""

import signal
import subprocess
import sys

import numpy as np
import pytest

from heddle.cli import main
from heddle.serving.client import Client


def test_a_server_by_the_command_line(repository, program, start):
    arguments = ["deploy", "launch", "deploy=heddle", f"deploy.repository={repository}"]
    command = [sys.executable, "-m", "heddle", *arguments]
    process = start(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    name, address = process.stdout.readline().split()
    assert name == "http" and address.startswith("http://127.0.0.1:")
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
        ((), "write heddle deploy export, launch, environment"),
        (("lunch",), "did you mean 'launch'?"),
        (("launch", "deploy=heddle"), "deploy.repository: found none"),
        (("launch", "deploy=none"), "deploy=none serves nothing"),
        (("launch", "deploy=tritan"), "did you mean 'triton'?"),
        (("launch", "deploy.http_prot=1"), "did you mean 'deploy.http_port'?"),
        (("launch", "deploy.http_port=70000"), "expected less than 65536"),
        (("launch", "deploy=heddle", "deploy.repository=/nowhere"), "no models"),
        (("export", "deploy=heddle"), "run: found none"),
        (("export", "model=gcn"), "is not about deploy"),
        (("launch", "deploy.repository=/nowhere", "deploy.flavour=ncg"), "did you mean 'ngc'?"),
    ],
)
def test_what_is_refused(capsys, arguments, message):
    assert main(["deploy", *arguments]) != 0
    err = capsys.readouterr().err
    assert message in err and err.count("\n") == 1


def test_help(capsys):
    assert main(["deploy", "--help"]) == 0 and "heddle deploy launch" in capsys.readouterr().out
