"""isolated: how Heddle starts Python, so that nothing of the current folder runs in it."""

import os
import sys


def python_module(module: str, *arguments: str, python: str = sys.executable) -> list[str]:
    """Return the words that run `python -m module` without the current folder on its import path.

    By itself `-m` puts that folder first, where a file named like a package of ours (torch.py) would run instead.

    >>> python_module("venv", "folder", python="python3")
    ['python3', '-P', '-m', 'venv', 'folder']
    """
    return [python, "-P", "-m", module, *arguments]


def child_environment() -> dict[str, str]:
    """Return this process's variables for one that runs in another folder: PYTHONPATH holds absolute paths."""
    folders = [
        os.path.abspath(folder) for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder
    ]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(folders)}
