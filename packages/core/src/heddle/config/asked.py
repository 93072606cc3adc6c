"""asked_config: the RunConfig of a run that is to be trained, from what Hydra composed."""

import os
from collections.abc import Mapping
from typing import Any

from heddle.config.run import RunConfig, run_config
from heddle.config.saved import resumed_config
from heddle.config.torchrun import with_torchrun
from heddle.config.values import check_names
from heddle.engines.launch import Launch
from heddle.engines.plugins import Registry
from heddle.options import build


def asked_config(tree: Mapping[str, Any], registry: Registry) -> RunConfig:
    """Return what is to be trained: the run that `resume` names, or what else the tree describes.

    Under torchrun this process takes its part in one run.

    Args:
        tree: the primary configuration "config", composed.

    Raises:
        ConfigError: a value that a key doesn't take, two that don't go together, or no such run.
        PluginError: it names what can't be used here.
    """
    if tree["resume"]:
        config = resumed_config(tree["resume"], build(Launch, tree["launch"], "launch"), registry)
    else:
        check_names(tree, registry)
        config = run_config(tree, registry)
    return with_torchrun(config, os.environ)
