"""`heddle -sc install=bash`: completion of commands, groups, options and keys with the tab key.

A shell asks by `heddle -sc query=bash` with the line so far in COMP_LINE. Hydra answers, but it knows nothing of
commands: a word without "=" among the overrides is an error to it. So the command is taken out of the line first.
"""

import os
from collections.abc import Sequence
from contextlib import redirect_stderr
from io import StringIO

from heddle.api.options import Bench, Plan, Sweep
from heddle.cli.main import COMMANDS
from heddle.errors import ConfigError, nearest

PRIMARIES = {
    "train": "config",
    "sweep": "sweep",
    "eval": "eval",
    "predict": "predict",
    "plan": "plan",
    "bench": "bench",
    "data": "config",
}
"""Commands that take overrides, and the primary configuration these are for."""

SHELLS = ("bash", "fish", "zsh")

ACTIONS = ("install", "uninstall", "query")


def run(arguments: Sequence[str]) -> int:
    """Print the shell's completion script, or what may follow in COMP_LINE; return 0.

    Raises:
        ConfigError: it isn't said which of ACTIONS is wanted, or for an unknown shell.
    """
    actions = [word for word in arguments if word.partition("=")[0] in ACTIONS]
    if len(actions) != 1:
        raise ConfigError(
            "-sc: say what to do, as in heddle -sc install=bash (or uninstall=bash; fish and zsh too)"
        )
    if actions[0].startswith("query="):
        line = os.environ.get("COMP_LINE", "")
        point = os.environ.get("COMP_POINT", "")
        return _answer(line[: int(point)] if point.isdigit() else line, actions[0])
    shell = actions[0].partition("=")[2]
    if shell not in SHELLS:
        raise ConfigError(
            f"-sc: no completion for {shell!r}{nearest(shell, SHELLS) or ';'} shells: {', '.join(SHELLS)}"
        )
    _ask_hydra("config", actions[0])
    return 0


def _answer(line: str, action: str) -> int:
    """Print what may follow in the line up to the cursor, with blanks between."""
    program, *typed = line.split()
    last = "" if line.endswith(" ") or not typed else typed.pop()
    if not typed:
        print(" ".join(command for command in COMMANDS if command.startswith(last)))
        return 0
    command, *overrides = typed
    if command not in PRIMARIES:
        print("plugins.prefer=" if "plugins.prefer=".startswith(last) else "")
        return 0
    if last.startswith("-"):
        print(
            " ".join(
                flag for flag in ("--cfg", "--config-dir", "--help", "--multirun") if flag.startswith(last)
            )
        )
        return 0
    flags = ["-m"] if {"-m", "--multirun"} & {*overrides} else []
    kept = [word for word in overrides if "=" in word and not word.startswith("-")]
    os.environ["COMP_LINE"] = " ".join([program, *flags, *kept, last])
    with redirect_stderr(StringIO()):  # what is half typed may not compose; that is no news while typing
        try:
            _ask_hydra(PRIMARIES[command], action)
        except (Exception, SystemExit):
            print()
    return 0


def _ask_hydra(primary: str, action: str) -> None:
    """Let Hydra's completion print its answer."""
    import hydra

    from heddle.cli import job
    from heddle.cli.hydra_app import command_line
    from heddle.config.compose import HYDRA_VERSION, show_hydra
    from heddle.config.groups import CONF
    from heddle.engines.plugins import load_plugins

    show_hydra(load_plugins(), extra={"plan": Plan, "bench": Bench, "sweep": Sweep})
    with command_line(["heddle", "-sc", action]):
        hydra.main(str(CONF), primary, HYDRA_VERSION)(job.train)()
