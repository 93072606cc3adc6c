"""The way of the configuration: how many functions are handed all of it, from the command to the first step."""

import sys
from pathlib import Path
from types import FrameType
from typing import Any

import heddle
from heddle.cli.main import main
from heddle.config.run import RunConfig

HOUSE = str(Path(heddle.__file__).parent)
MOST = 12
WORDS = ["backend=loom", "data.nodes=60", "data.train_per_class=3", "data.valid=10", "trainer.epochs=1"]
WORDS += ["model=sage", "sampler=neighbor", "sampler.workers=0"]


def test_few_functions_see_the_whole_configuration(tmp_path):
    """Most are handed the node that they read."""
    seen: dict[str, None] = {}
    stepped: list[str] = []

    def watch(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event != "call" or stepped or not code.co_filename.startswith(HOUSE):
            return
        if code.co_name == "step" and "state" in code.co_varnames[: code.co_argcount]:
            stepped.append(code.co_filename)
        arguments = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        if any(isinstance(frame.f_locals[name], RunConfig) for name in arguments if name != "self"):
            seen[f"{code.co_filename.removeprefix(HOUSE)}:{code.co_qualname}"] = None

    sys.setprofile(watch)
    try:
        status = main(["train", *WORDS, "trainer.progress=false", f"run.dir={tmp_path / 'run'}"])
    finally:
        sys.setprofile(None)
    assert status == 0 and stepped
    assert 1 < len(seen) <= MOST, "\n".join(seen)
