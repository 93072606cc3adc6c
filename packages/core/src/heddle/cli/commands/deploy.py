"""`heddle deploy`: a trained run as a model repository, and a server of it."""

from collections.abc import Sequence
from pathlib import Path

from heddle.engines.plugins import load_plugins
from heddle.errors import ConfigError, nearest, problem

HELP = """\
Usage: heddle deploy export run=RUN [deploy.KEY=VALUE ...]
       heddle deploy launch [deploy=triton|heddle] [run=RUN | deploy.repository=FOLDER] [deploy.KEY=VALUE ...]
       heddle deploy environment [deploy.environment=FOLDER]

export writes a trained run as a Triton model repository (by default RUN/repository): a program of torch.export that is
compared with the run's own engine first. launch starts a server of it on 127.0.0.1, waits until it is ready and gives
every model's own numbers, prints its addresses, and ends it when it is interrupted or killed:

  heddle deploy export run=runs/mine deploy.model=venues
  heddle deploy launch run=runs/mine deploy=heddle deploy.http_port=8000

deploy=triton is the real Triton (HTTP, gRPC, metrics) of the package nvidia-pytriton, which needs numpy < 2 and hence
an environment of its own, which `heddle deploy environment` builds. deploy=heddle needs nothing more.
"""

ACTIONS = ("export", "launch", "environment")


def run(arguments: Sequence[str]) -> int:
    """Do one of the actions; return 0, or for launch the server's exit status.

    Raises:
        HeddleError: an unknown action, no server, no run, or as the action does.
    """
    action, *overrides = arguments or [""]
    if action not in ACTIONS:
        hint = nearest(action, ACTIONS) or ";"
        raise ConfigError(f"{action!r} is unknown{hint} write heddle deploy {', '.join(ACTIONS)}")
    from heddle.config.nodes import composed
    from heddle.config.saved import saved_config
    from heddle.serving import deploy

    registry = load_plugins()
    config = composed("deploy", overrides, registry, ("deploy", "run", "plugins"))
    node, run = config["deploy"], config["run"]
    if node.name == "none":
        raise ConfigError("deploy=none serves nothing; choose deploy=triton or deploy=heddle")
    if action == "export":
        if run is None:
            raise ConfigError(problem("run", "none", "a trained run's folder", "write run=runs/NAME"))
        print(deploy.export(node, Path(run), saved_config(run, registry), registry))
    elif action == "environment":
        print(deploy.environment(node))
    else:
        start = registry.server(node.name)
        with start(node, run) as running:
            for name in ("http", "grpc", "metrics"):
                if address := getattr(running, name):
                    print(f"{name} {address}", flush=True)
            result: int = running.wait()
            return result
    return 0
