"""What `heddle train` and `heddle.train` do alike, with a configuration made at the door."""

from pathlib import Path
from typing import TYPE_CHECKING

from heddle.engines.launch import TORCHRUN
from heddle.engines.plugins import Registry

if TYPE_CHECKING:
    from heddle.config.run import RunConfig


def train(config: "RunConfig", registry: Registry) -> Path | None:
    """Train in this process, or in those that the configuration asks for, and return the run folder.

    Returns None where the folder is another process's, by torchrun or `launch.rank`.

    Raises:
        HeddleError: anything wrong with the configuration, the data, the engine or the training.
    """
    from heddle.workflow import run
    from heddle.workflow.folder import is_finished
    from heddle.workflow.launch.processes import own_folder, run_processes

    launch = config.launch
    if launch.devices > 1 and launch.coordinator == TORCHRUN:
        with own_folder(config) as own_config:
            folder = run.train(own_config, registry)
        return folder if launch.rank == 0 else None
    if launch.size > 1 and not (config.resume and is_finished(Path(config.resume))):
        return run_processes(config)
    return run.train(config, registry)
