"""`heddle`: the command line. Each command is a module of its own, imported when it is called.

main.py        the choice of a command; every error becomes one line and an exit status
train.py ...   the commands
hydra_app.py   what the commands that Hydra runs share: flags.py, job.py, multirun.py
words.py       what is read off a command line before Hydra sees it
screen.py      tables
"""

from heddle.cli.main import main

__all__ = ["main"]
