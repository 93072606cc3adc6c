"""`heddle deploy`: a trained run as a bundle, and Triton as a server of it."""

from collections.abc import Sequence
from pathlib import Path

from heddle.engines.plugins import load_plugins
from heddle.errors import ConfigError, nearest, problem

HELP = """\
Usage: heddle deploy export run=RUN [deploy.KEY=VALUE ...]
       heddle deploy launch [run=RUN | deploy.repository=FOLDER] [deploy.KEY=VALUE ...]
       heddle deploy drift run=RUN | deploy.bundle=FOLDER [deploy.days=7]
       heddle deploy environment [deploy.environment=FOLDER]

export writes a trained run as a bundle (by default RUN/bundle), from which heddle serve answers. A run on a prepared
folder scores raw rows of its tables: the bundle has its model, what its encoders were fitted to, and a live graph over
the folder; deploy.trees=both lets the trees of heddle boost answer. Another run, of a portable model of nodes or links,
is asked by ids: the bundle has a program of torch.export, which was compared with the run's own engine first.

  heddle deploy export run=runs/mine
  heddle serve run=runs/mine serve.port=8000

drift compares what heddle serve was asked, and what it said, with training, by what the server keeps in the bundle (and
gives at /v2/drift): the population stability index of each column and of the scores.

BUNDLE/repository is a Triton model repository that asks the same bundle. launch starts Triton on 127.0.0.1 (HTTP, gRPC,
metrics), waits until it is ready and gives every model's own numbers, prints its addresses, and ends it when it is
interrupted or killed. nvidia-pytriton needs numpy < 2, hence an environment of its own, which environment builds:

  heddle deploy environment
  heddle deploy launch run=runs/mine deploy.grpc_port=8001
"""

ACTIONS = ("export", "launch", "drift", "environment")


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
        raise ConfigError("deploy=none serves nothing; choose deploy=heddle or deploy=triton")
    if action == "export":
        if run is None:
            raise ConfigError(problem("run", "none", "a trained run's folder", "write run=runs/NAME"))
        print(deploy.export(node, Path(run), saved_config(run, registry), registry))
    elif action == "drift":
        print(deploy.drift(node, run))
    elif action == "environment":
        print(deploy.environment(node))
    else:
        if node.name == "heddle":
            do = f"write heddle serve {f'run={run}' if run else 'run=RUN or bundle=FOLDER'}"
            raise ConfigError(problem("heddle deploy launch", "deploy=heddle", "Triton", do))
        start = registry.server(node.name)
        with start(node, run) as running:
            for name in ("http", "grpc", "metrics"):
                if address := getattr(running, name):
                    print(f"{name} {address}", flush=True)
            result: int = running.wait()
            return result
    return 0
