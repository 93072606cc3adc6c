"""A training process for the tests to kill: `python -m workflow.killed FOLDER [resume]`."""

import sys
import time
from pathlib import Path

from heddle.workflow import run
from heddle.workflow.callbacks import ProgressLines

from .cases import Registry, config_for, node_dataset, resume


class SlowLines(ProgressLines):
    """Prints each epoch and then waits, so that there is time to kill."""

    def after_epoch(self, progress):
        print(f"epoch {progress.epoch}", flush=True)
        time.sleep(0.05)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    if "resume" in sys.argv:
        resume(folder, Registry(node_dataset()))
    else:
        run.display = lambda settings: SlowLines(settings.epochs)
        run.train(config_for(folder, trainer={"epochs": 40}), Registry(node_dataset()))
