"""The command `heddle`: which command is asked for, and what becomes of its errors."""

import errno
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module

from heddle.errors import ConfigError, HeddleError, nearest

COMMANDS = {
    "train": "train a model, or resume=RUN to go on with a stopped run",
    "eval": "measure a trained run again: run=RUN",
    "predict": "write a trained run's predictions: run=RUN",
    "embed": "write a trained run's embeddings, each as of its question's time: run=RUN",
    "boost": "grow boosted trees beside a trained run, and compare them: run=RUN",
    "sweep": "search for good settings: optim.lr=interval(0.001,0.1)",
    "plan": "say what each device would hold and send: sharding.devices=8",
    "bench": "time training steps on every engine, after the same predictions: model=NAME",
    "data": "list the datasets, describe one, or prepare tables for training",
    "deploy": "export a trained run as a bundle, and serve it by Triton: run=RUN",
    "serve": "score raw rows by a trained run, and append them, over HTTP: run=RUN",
    "plugins": "list the installed plugins and whether they can be used",
    "doctor": "check plugins, configurations, kernels and versions; exit status 1 if something is wrong",
}

USAGE = 2

FULL_ERROR = "HYDRA_FULL_ERROR"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0, 1 for an error, 2 for a wrong command line or configuration.

    Args:
        arguments: as after `heddle` on the command line, which is read if they are None.

    Raises:
        HeddleError: with --debug only; it is printed otherwise.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed before the program began
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115  as long as the program
    with _environment(arguments):
        try:
            status = _dispatch([word for word in arguments if word != "--debug"])
            sys.stdout.flush()
            return status
        except HeddleError as error:
            if debug:
                raise
            return report(error)
        except KeyboardInterrupt:
            print("heddle: stopped", file=sys.stderr)
            return 130
        except BrokenPipeError:  # the reader, `head` for one, has read enough
            _mute()
            return 1
        except OSError as error:
            if debug or error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            _mute()
            where = error.filename or "standard output, or a file"
            return report(
                HeddleError(f"{where}: found no space left, expected some; free it, or write elsewhere")
            )


def _mute() -> None:
    """Send what standard output still holds nowhere, where it can't be written."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _environment(arguments: Sequence[str]) -> Iterator[None]:
    """Tell the environment whether Hydra shows whole tracebacks and which plugins are preferred, for a while."""
    from heddle.config.prefer import prefer_from
    from heddle.engines.plugins import PREFER

    before = {name: os.environ.get(name) for name in (FULL_ERROR, PREFER)}
    if "--debug" in arguments:
        os.environ[FULL_ERROR] = "1"
    if names := prefer_from(arguments):
        os.environ[PREFER] = ",".join(names)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def report(error: HeddleError) -> int:
    """Print an error as one line on standard error and return the exit status it stands for."""
    print(f"heddle: {' '.join(str(error).split())}", file=sys.stderr)
    return USAGE if isinstance(error, ConfigError) else 1


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        return _run("help", [])
    if arguments[0] in ("-V", "--version"):
        return _run("version", [])
    if "-sc" in arguments or "--shell-completion" in arguments:
        return _run("complete", arguments)
    command, *rest = arguments
    if command not in COMMANDS:
        hint = nearest(command, list(COMMANDS))
        if "=" in command:
            hint = f"; did you mean heddle train {command}?"
        raise ConfigError(f"{command!r} is no command{hint or ';'} commands: {', '.join(COMMANDS)}")
    return _run(command, rest)


def _run(command: str, arguments: list[str]) -> int:
    module = import_module(f"heddle.cli.commands.{command}")
    if any(word in ("-h", "--help") for word in arguments) and hasattr(module, "HELP"):
        print(module.HELP, end="")
        return 0
    result: int = module.run(arguments)
    return result
