"""`heddle`: the command line.

main.py       the choice of a command; every error becomes one line and an exit status
commands/     a file a command, imported when it is called
hydra_app.py  what the commands that Hydra runs share: flags.py, job.py, multirun.py, search.py
arguments.py  what is read off a command line before Hydra sees it
options.py    nodes of single commands
worker.py     one process of a run; torchrun.py: processes that torchrun started
console.py    tables
"""

from heddle.cli.main import main

__all__ = ["main"]
