"""triton: the command that starts nvidia-pytriton's tritonserver on a repository, bound to loopback."""

import os
import shutil
from pathlib import Path
from typing import NamedTuple

from heddle.errors import PluginError, problem
from heddle.serving.environment import check_environment, platforms_of
from heddle.serving.supervisor import PID


class Ports(NamedTuple):
    """Where a server listens on 127.0.0.1; grpc is 0 for a server without it."""

    http: int
    grpc: int
    metrics: int


class Command(NamedTuple):
    """What the supervisor runs."""

    arguments: list[str]
    env: dict[str, str]


def triton_command(repository: Path, environment: Path, ports: Ports, scratch: Path) -> Command:
    """Return the command; `scratch` gets the layout that tritonserver looks for its backends in.

    Raises:
        PluginError: the environment can't serve this repository; see `check_environment`.
    """
    packages = check_environment(environment, platforms_of(repository))
    package = Path(packages["pytriton"])
    server = package / "tritonserver"
    version = ".".join(map(str, packages["python"]))
    stub = server / "python_backend_stubs" / version / "triton_python_backend_stub"
    if not stub.is_file():
        have = sorted(path.name for path in (server / "python_backend_stubs").glob("*"))
        actual = f"no stub for Python {version}"
        raise PluginError(
            problem(str(server), actual, f"one of {have}", "build the environment with such a Python")
        )
    backends = scratch / "backends"
    shutil.copytree(server / "backends", backends)
    shutil.copy2(stub, backends / "python" / stub.name)
    arguments = [
        str(server / "bin" / "tritonserver"),
        f"--model-repository={repository}",
        f"--backend-directory={backends}",
        f"--backend-config=python,shm-region-prefix-name=heddle-{PID}-",
        "--exit-timeout-secs=5",
        "--disable-auto-complete-config",
        "--log-verbose=0",
    ]
    for name in Ports._fields:
        arguments += [f"--{name}-address=127.0.0.1", f"--{name}-port={getattr(ports, name)}"]
    libraries = [package.parent / "nvidia_pytriton.libs", Path(packages["base"]) / "lib"]
    env = {
        **os.environ,
        "PATH": f"{environment / 'bin'}:{os.environ.get('PATH', '')}",
        "VIRTUAL_ENV": str(environment),
        "LD_LIBRARY_PATH": ":".join(map(str, libraries)),
        "OMP_NUM_THREADS": "1",
    }
    for name in ("PYTHONPATH", "PYTHONHOME"):
        env.pop(name, None)
    return Command(arguments, env)
