"""The configuration is made once and passed on: from the command to a step through few functions, never as a dict."""

import importlib
import inspect
import pkgutil
import re
import sys
from pathlib import Path

import heddle
from heddle.cli import main
from heddle.testing.distributions import plugin_source, write_distribution

MOST = 12
HOOK = """
@hookimpl
def heddle_backends():
    return [BackendInfo("plain", "the reference", "heddle.testing.reference_backend:ReferenceBackend")]
"""
SMALL = ["data=karate", "model=mlp", "model.layers=1", "trainer.epochs=1", "trainer.progress=false"]
DICT_OF_CONFIG = re.compile(
    r"config\.get\(\"|\b(config|options|node|optim|sharding|trainer|sampler|task|deploy|etl)"
    r"\b: (dict|Mapping)\[str, Any\]"
)


def annotated():
    """Return code object -> name of every function of core that takes or returns a RunConfig."""
    results = {}
    for info in pkgutil.walk_packages(heddle.__path__, "heddle."):
        if info.name not in sys.modules:
            continue
        for value in vars(sys.modules[info.name]).values():
            if inspect.isfunction(value) and any(
                "RunConfig" in str(note) for note in value.__annotations__.values()
            ):
                results[value.__code__] = f"{value.__module__}.{value.__qualname__}"
    return results


def test_at_most_twelve_functions_lead_from_the_command_to_a_step(tmp_path, monkeypatch, capfd):
    write_distribution(
        tmp_path / "site", "plain", {"plain_plugin.py": plugin_source(HOOK)}, plugin="plain_plugin"
    )
    importlib.invalidate_caches()
    import heddle.engines.functional
    import heddle.workflow.trainer

    called, stepped = [], []
    steps = heddle.workflow.trainer._steps

    def first_step(*arguments):
        sys.setprofile(None)
        stepped.append(True)
        return steps(*arguments)

    def watch(frame, event, _):
        if event == "call":
            called.append(frame.f_code)

    monkeypatch.setattr(heddle.workflow.trainer, "_steps", first_step)
    sys.setprofile(watch)
    try:
        status = main(["train", "backend=plain", "run.dir=run", *SMALL])
    finally:
        sys.setprofile(None)
    assert status == 0 and stepped, capfd.readouterr().err
    names = annotated()
    passed = {names[code] for code in called if code in names}
    assert {"heddle.workflow.run.train", "heddle.workflow.assemble.assemble"} <= passed
    assert len(passed) <= MOST, sorted(passed)


def test_below_config_nobody_takes_a_dict_of_it():
    root = Path(heddle.__file__).parent
    for file in root.rglob("*.py"):
        if file.relative_to(root).parts[0] not in ("config", "options"):
            assert not DICT_OF_CONFIG.search(file.read_text(encoding="utf-8")), file
