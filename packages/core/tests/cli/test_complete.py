"""Completion offers commands, groups, options and keys, although Hydra knows no commands."""

import os
import shutil
import subprocess
import sys

import pytest


@pytest.fixture
def complete(heddle_command, monkeypatch):
    """Return complete(line) -> what may follow."""

    def call(line, point=None):
        monkeypatch.setenv("COMP_LINE", line)
        monkeypatch.setenv("COMP_POINT", str(len(line) if point is None else point))
        status, out, err = heddle_command("-sc", "query=bash")
        assert (status, err) == (0, "")
        return out.split()

    return call


@pytest.mark.parametrize(
    "line, offered",
    [
        ("heddle tr", ["train"]),
        ("heddle train mod", ["model.", "model="]),
        ("heddle train backend=loop", ["backend=loop"]),
        ("heddle train backend=loop backend.s", ["backend.speed="]),
        ("heddle train model=gat model.he", ["model.heads="]),
        ("heddle train -m model=gcn,gat trainer.epo", ["trainer.epochs="]),
        ("heddle train --mu", ["--multirun"]),
        ("heddle sweep sweep.tr", ["sweep.trials="]),
        ("heddle eval ru", ["run="]),
        ("heddle data describe data=sb", ["data=sbm"]),
        ("heddle plugins ", ["plugins.prefer="]),
        ("heddle train seed=( mod", []),
    ],
)
def test_what_may_follow(complete, line, offered):
    assert complete(line) == offered


def test_all_commands_follow_the_program(complete):
    assert "train" in complete("heddle ") and "doctor" in complete("heddle ")


def test_what_stands_behind_the_cursor_does_not_count(complete):
    assert complete("heddle tr model=gcn", point=len("heddle tr")) == ["train"]


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_bash_completes_by_the_installed_script(tmp_path):
    program = tmp_path / "bin" / "heddle"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m heddle "$@"\n')
    program.chmod(0o755)
    script = """
    eval "$(heddle -sc install=bash)"
    COMP_LINE='heddle train backend=loop' COMP_POINT=25 COMP_WORDS=(heddle train backend=loop) COMP_CWORD=2
    hydra_bash_completion
    printf '%s\\n' "${COMPREPLY[@]}"
    """
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site"), "PATH": path}
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=environment, timeout=60)
    assert done.stdout.split() == ["backend=loop"], done.stderr
