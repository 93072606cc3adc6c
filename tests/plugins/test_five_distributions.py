"""Five kinds of plugin distributions side by side: the good one trains, the others are listed with their reasons."""

import json
import os
import subprocess
import sys

import pytest

from heddle.engines.hookspecs import PLUGIN_API
from heddle.testing.distributions import plugin_source, write_distribution

NEXT = PLUGIN_API[0] + 1
GOOD = """
@hookimpl
def heddle_backends():
    loader, options = "heddle.testing.reference_backend:ReferenceBackend", "good_plugin.options:Options"
    return [BackendInfo("good", "numpy alone", loader, options=options)]
"""
RIVAL = """
@hookimpl
def heddle_backends():
    loader, options = "heddle.testing.reference_backend:ReferenceBackend", "{0}_plugin.options:Options"
    return [BackendInfo("rival", "from {0}", loader, options=options)]
"""
OPTIONS = """
from dataclasses import dataclass
from heddle.options import BackendOptions, option

@dataclass(frozen=True)
class Options(BackendOptions):
"""
DISTRIBUTIONS = {
    "good": {
        "good_plugin/plugin.py": plugin_source(GOOD),
        "good_plugin/options.py": OPTIONS + "    level: int = option(1, 'how high')\n",
    },
    "unimportable": {"unimportable_plugin/plugin.py": "import a_module_that_nobody_wrote\n"},
    "raising": {
        "raising_plugin/plugin.py": plugin_source(
            "@hookimpl\ndef heddle_backends():\n    raise RuntimeError('no licence found')\n"
        )
    },
    "foreign": {"foreign_plugin/plugin.py": plugin_source("", api=(NEXT, 0))},
    **{
        rival: {
            f"{rival}_plugin/plugin.py": plugin_source(RIVAL.format(rival)),
            f"{rival}_plugin/options.py": OPTIONS + f"    of: str = option('{rival}', 'whose')\n",
        }
        for rival in ("left", "right")
    },
}
LISTED = {
    "unimportable": ["broken", "No module named 'a_module_that_nobody_wrote'"],
    "raising": ["broken", "heddle_backends: RuntimeError: no licence found"],
    "foreign": [
        "refused",
        f"plugin API {NEXT}.0",
        f"plugin API {PLUGIN_API[0]}.{PLUGIN_API[1]}",
        "pip install --upgrade",
    ],
    "left": ["duplicate", "backend 'rival': claimed by left and right", "plugins.prefer=left"],
    "right": ["duplicate", "backend 'rival': claimed by left and right", "plugins.prefer=right"],
}
TINY = [
    "data=sbm",
    "data.nodes=40",
    "data.features=4",
    "data.classes=2",
    "data.train_per_class=4",
    "data.valid=8",
]
TINY += ["model=mlp", "model.hidden=2", "model.layers=1", "trainer.epochs=2", "trainer.progress=false"]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Give a folder with all of them, as installers leave them."""
    folder = tmp_path_factory.mktemp("site")
    for name, files in DISTRIBUTIONS.items():
        write_distribution(folder, name, files, "1.0", plugin=f"{name}_plugin.plugin")
    return folder


@pytest.fixture
def command(site, tmp_path):
    """Return command(*words) -> the finished `heddle`, in a process and an empty folder of its own."""

    def run(*arguments):
        environment = {**os.environ, "PYTHONPATH": str(site), "COLUMNS": "80"}
        call = [sys.executable, "-m", "heddle", *arguments]
        return subprocess.run(
            call, capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=120
        )

    return run


def rows(table):
    """Return distribution -> the text, without spaces, of its row in the table, whose cells fill several lines."""
    results = {}
    for line in table.splitlines():
        if line.startswith("│"):
            cells = ["".join(cell.split()) for cell in line.strip("│").split("│")]
            if cells[0]:
                last = results[cells[1]] = []
            last.append(cells)
    return {
        name: "".join(text for cell in zip(*lines, strict=True) for text in cell)
        for name, lines in results.items()
    }


def test_plugins_tells_each_with_its_reason_and_exits_0(command):
    done = command("plugins")
    assert (done.returncode, done.stderr) == (0, "")
    actual = rows(done.stdout)
    for distribution, parts in LISTED.items():
        for part in parts:
            assert "".join(part.split()) in actual[distribution]
    assert actual["good"].endswith("1.0okbackend:good")
    assert "0ok" in actual["heddle-core"]


def test_doctor_tells_each_with_its_reason_and_exits_1(command):
    done = command("doctor")
    assert done.returncode == 1
    faults = [line for line in done.stdout.splitlines() if line.startswith("fault: plugin ")]
    for distribution, parts in LISTED.items():
        (line,) = (line for line in faults if f" of {distribution} 1.0 " in line)
        assert all(part in line for part in parts)
    assert not any(" of good " in line for line in faults)


def test_the_good_one_trains_beside_them(command, tmp_path):
    done = command("train", "backend=good", "backend.level=2", "run.dir=run", *TINY)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "run"
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert 0 <= metrics["test"]["accuracy"] <= 1
    assert "level: 2" in (tmp_path / "run" / "config.yaml").read_text()


def test_a_name_claimed_twice_trains_once_it_is_said_whose(command, tmp_path):
    refused = command("train", "backend=rival", *TINY)
    assert refused.returncode == 1
    assert "claimed by left and right; choose with plugins.prefer=left" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    done = command("train", "backend=rival", "plugins.prefer=right", "run.dir=run", *TINY)
    assert done.returncode == 0, done.stderr
    assert "of: right" in (tmp_path / "run" / "config.yaml").read_text()


@pytest.mark.parametrize("name", ["unimportable", "raising", "foreign"])
def test_an_engine_of_a_plugin_that_cannot_be_used_is_not_found_and_the_doctor_is_named(command, name):
    done = command("train", f"backend={name}")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert f"backend={name} is unknown" in done.stderr and "heddle doctor" in done.stderr
