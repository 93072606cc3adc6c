"""The type of every key: stated here for core's own nodes, taken from its default for those of plugins and readers."""

import math
from typing import Any

from heddle.errors import nearest
from heddle.hookspecs import Key, Keys

SCHEDULES = ("constant", "step", "multistep", "cosine", "plateau")

KEYS: Keys = {
    "seed": Key(int, least=0),
    "resume": Key(str, null=True),
    "run.dir": Key(str, null=True),
    "run.overwrite": Key(bool),
    "plugins.prefer": Key(list, items=str, single=True),
    "data.root": Key(str, null=True),
    "task.name": Key(str),
    "task.loss": Key(str),
    "task.metrics": Key(list, items=str),
    "task.negatives": Key(int, least=1),
    "task.length": Key(int, least=1),
    "task.horizon": Key(int, least=1),
    "task.chunk": Key(int, null=True, least=1),
    "optim.name": Key(str, choices=("adam", "adamw", "sgd")),
    "optim.lr": Key(float, least=0),
    "optim.weight_decay": Key(float, least=0),
    "optim.weight_decay_on": Key(str),
    "optim.betas": Key(list, items=float, size=2, least=0, below=1),
    "optim.eps": Key(float, least=0),
    "optim.momentum": Key(float, least=0),
    "optim.clip_norm": Key(float, null=True, least=0),
    "optim.schedule.name": Key(str, choices=SCHEDULES),
    "optim.schedule.every": Key(int, null=True, least=1),
    "optim.schedule.at": Key(list, items=int),
    "optim.schedule.factor": Key(float, null=True, least=0),
    "optim.schedule.least": Key(float, least=0),
    "optim.schedule.patience": Key(int, null=True, least=0),
    "trainer.epochs": Key(int, least=1),
    "trainer.patience": Key(int, null=True, least=1),
    "trainer.monitor": Key(str),
    "trainer.eval_every": Key(int, least=1),
    "trainer.checkpoint_every": Key(int, least=0),
    "trainer.keep": Key(int, least=1),
    "trainer.batch_size": Key(int, null=True, least=1),
    "trainer.batching": Key(str, choices=("auto", "counted", "packed")),
    "trainer.progress": Key(bool),
    "trainer.devices": Key(int, least=1),
    "sampler.name": Key(str, choices=("full", "neighbor")),
    "sampler.fanouts": Key(list, items=int, least=-1),
    "sampler.batch_size": Key(int, least=1),
    "sampler.eval_fanouts": Key(list, items=int, null=True, least=-1),
    "sampler.replace": Key(bool),
    "sampler.workers": Key(int, least=0),
    "sampler.prefetch": Key(int, least=1),
    "sharding.name": Key(str),
    "sharding.devices": Key(int, null=True, least=1),
    "sharding.partition": Key(str),
    "sharding.cut": Key(float, null=True, least=0),
    "sharding.processes": Key(int, least=1),
    "sharding.rank": Key(int, null=True, least=0),
    "sharding.coordinator": Key(str, null=True),
    "plan.nodes": Key(int, null=True, least=0),
    "plan.edges": Key(int, null=True, least=0),
    "plan.features": Key(int, least=0),
    "plan.edge_features": Key(int, least=0),
    "plan.classes": Key(int, least=1),
    "bench.rounds": Key(int, least=1),
    "bench.steps": Key(int, least=1),
    "bench.tolerance": Key(float, null=True, least=0),
    "etl.engine": Key(str, choices=("duckdb", "polars")),
    "etl.device": Key(str, choices=("cpu", "gpu")),
    "etl.memory": Key(None),
    "etl.threads": Key(int, null=True, least=1),
    "etl.overwrite": Key(bool),
    "etl.progress": Key(bool),
    "deploy.name": Key(str),
    "deploy.repository": Key(str, null=True),
    "deploy.model": Key(str),
    "deploy.flavour": Key(str, choices=("python", "ngc")),
    "deploy.max_batch": Key(int, least=1),
    "deploy.overwrite": Key(bool),
    "deploy.environment": Key(str, null=True),
    "deploy.http_port": Key(int, null=True, least=1, below=65536),
    "deploy.grpc_port": Key(int, null=True, least=1, below=65536),
    "deploy.metrics_port": Key(int, null=True, least=1, below=65536),
    "deploy.timeout": Key(float, least=0),
    "sweep.trials": Key(int, least=1),
    "sweep.metric": Key(str),
    "sweep.direction": Key(str, choices=("auto", "maximize", "minimize")),
    "sweep.seed": Key(int, least=0),
}
"""Core's own keys. The nodes that they make up are closed: another key in `optim` or `trainer` is an error."""

CLOSED = ("run", "plugins", "optim", "trainer", "sweep", "plan", "bench", "etl")

_WORDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "keys below it",
}


def key_of(name: str, default: Any, keys: Keys = KEYS) -> Key:
    """Return what the value of `name` may be: as `keys` state, or else of the type of its default; null takes any."""
    if name in keys:
        return keys[name]
    if default is None:
        return Key(None, null=True)
    if isinstance(default, list):
        return Key(list, items=_kind(default[0]) if default else None)
    if isinstance(default, str) and "${" in default:
        return Key(None, null=True)
    return Key(_kind(default))


def fault(name: str, value: Any, default: Any, keys: Keys = KEYS) -> str:
    """Say what is wrong with a value, "" if nothing is: found, expected, what to do.

    A value that interpolates another key (`${seed}`) is let through here and looked at once it is resolved.
    """
    key = key_of(name, default, keys)
    if isinstance(value, str) and "${" in value:
        return ""
    if value is None:
        return "" if key.null else f"{name}: found null, expected {_expected(key)}{_example(name, default)}"
    if not _fits(value, key):
        return f"{name}: found {_shown(value)}, expected {_expected(key)}{_remedy(name, value, default, key)}"
    if key.choices and value not in key.choices:
        hint = nearest(str(value), [str(choice) for choice in key.choices]) or "; choose one"
        return f"{name}: found {_shown(value)}, expected one of {', '.join(map(str, key.choices))}{hint}"
    for number in value if isinstance(value, list) else [value]:
        if key.least is not None and number < key.least:
            return f"{name}: found {_shown(number)}, expected at least {key.least:g}; raise it"
        if key.below is not None and number >= key.below:
            return f"{name}: found {_shown(number)}, expected less than {key.below:g}; lower it"
    return ""


def _kind(value: Any) -> type | None:
    """Return the type a default stands for, None where it says nothing."""
    return next((kind for kind in (bool, int, float, str, list, dict) if isinstance(value, kind)), None)


def _fits(value: Any, key: Key) -> bool:
    if key.kind is list and isinstance(value, list):
        return key.size in (None, len(value)) and all(_is(entry, key.items) for entry in value)
    return _is(value, key.kind) or (key.single and _is(value, key.items))


def _is(value: Any, kind: type | None) -> bool:
    """Tell whether a value is of a type: no bool is a number, a whole number is a number, NaN and inf are not."""
    if kind is None:
        return True
    if kind in (int, float) and isinstance(value, bool):
        return False
    if kind is float:
        return isinstance(value, (int, float)) and math.isfinite(value)
    return isinstance(value, kind)


def _expected(key: Key) -> str:
    expected = _WORDS[key.kind] if key.kind else "a value"
    if key.items:
        entries = "names" if key.items is str else f"{_WORDS[key.items].removeprefix('a ')}s"
        expected = f"a list of {key.size} {entries}" if key.size else f"a list of {entries}"
    return f"{expected} or null" if key.null else expected


def _remedy(name: str, value: Any, default: Any, key: Key) -> str:
    """Say what to write instead of a value of another type."""
    if key.kind is str and isinstance(value, (int, float)):
        return f"; quote it: '{name}=\"{_shown(value)}\"'"
    if key.kind is dict:
        return f"; set one of its keys, as in {name}.{next(iter(default), 'key')}=..."
    return _example(name, default)


def _example(name: str, default: Any) -> str:
    return f"; as in {name}={_shown(default)}" if default not in (None, []) else ""


def _shown(value: Any) -> str:
    """Show a value as it is written on the command line."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, list):
        return f"[{','.join(map(_shown, value))}]"
    return repr(value) if isinstance(value, str) else str(value)
