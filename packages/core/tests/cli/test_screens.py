"""help, plugins, doctor and data tell what there is, with every installed plugin."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import heddle
from heddle.testing.distributions import plugin_source, write_distribution

FRAMEWORKS = ("torch", "jax", "dgl", "torch_geometric", "tensorflow")


def test_help_lists_commands_and_the_options_of_plugins(heddle_command):
    for arguments in ([], ["--help"]):
        status, out, _ = heddle_command(*arguments)
        assert status == 0
        assert "heddle train" in out and "loop" in out and "-sc install=bash" in out


@pytest.mark.parametrize(
    "command", ["train", "eval", "predict", "sweep", "plan", "bench", "data", "plugins", "doctor"]
)
def test_every_command_has_a_help_with_its_usage(heddle_command, command):
    status, out, err = heddle_command(command, "--help")
    assert (status, err) == (0, "")
    assert out.startswith(f"Usage: heddle {command}")


def test_the_help_of_train_shows_groups_and_the_values_of_its_overrides(heddle_command):
    _, out, _ = heddle_command("train", "--help", "backend=loop")
    assert "model: " in out and "loop_only" in out and "speed: 1.5" in out


def test_version(heddle_command):
    assert heddle_command("--version")[1] == f"heddle {heddle.__version__}\n"


def test_plugins_is_a_table_and_never_fails(heddle_command, tmp_path):
    write_distribution(
        tmp_path / "site", "bad", {"bad_plugin.py": "raise RuntimeError('[boom]')"}, plugin="bad_plugin"
    )
    status, out, _ = heddle_command("plugins")
    assert status == 0
    row = next(line for line in out.splitlines() if " bad " in line)
    assert "broken" in row and "RuntimeError:" in out and "[boom]" in out
    assert any(
        "loop-engine" in line and "backend: loop" in line and " ok " in line for line in out.splitlines()
    )


def test_doctor_is_content_with_a_good_installation(heddle_command):
    status, out, _ = heddle_command("doctor")
    assert status == 0 and "no fault found" in out


@pytest.mark.parametrize(
    "files, message",
    [
        ({"ill.py": "raise RuntimeError('boom')"}, "is broken"),
        ({"ill.py": plugin_source("", api=(9, 0))}, "is refused"),
        (
            {
                "ill.py": plugin_source(
                    "@hookimpl\ndef heddle_models():\n    return [ModelInfo('gcn', 's', 'm:f')]"
                )
            },
            "is duplicate",
        ),
        (
            {"ill.py": plugin_source("@hookimpl\ndef heddle_config_paths():\n    return ['pkg://ill_conf']")},
            "search path pkg://ill_conf of ill doesn't exist",
        ),
        (
            {
                "ill.py": plugin_source(
                    "@hookimpl\ndef heddle_config_paths():\n    return ['pkg://ill_conf']"
                ),
                "ill_conf/experiment/good.yaml": "seed: 1\n",
            },
            "the file of the same name is ignored",
        ),
        (
            {
                "ill.py": plugin_source(
                    "@hookimpl\ndef heddle_config_paths():\n    return ['pkg://ill_conf']"
                ),
                "ill_conf/model/ill.yaml": "name: [unclosed\n",
            },
            "can't be read as YAML",
        ),
    ],
)
def test_doctor_fails_for_what_has_to_be_mended(heddle_command, tmp_path, files, message):
    write_distribution(tmp_path / "site", "ill", files, plugin="ill")
    sys.modules.pop("ill", None)
    status, out, _ = heddle_command("doctor")
    assert status == 1
    assert any(line.startswith("fault: ") and message in line for line in out.splitlines())


def test_doctor_does_not_mind_a_missing_framework(heddle_command, tmp_path):
    hook = "@hookimpl\ndef heddle_backends():\n    return [BackendInfo('far', 's', 'm:f', needs=('nobody_has_it',))]"
    write_distribution(tmp_path / "site", "far", {"far_plugin.py": plugin_source(hook)}, plugin="far_plugin")
    status, out, _ = heddle_command("doctor")
    assert status == 0 and "needs nobody_has_it" in out


def test_data_lists_readers_and_describes_one(heddle_command):
    status, out, _ = heddle_command("data")
    assert status == 0 and "planetoid" in out
    status, out, err = heddle_command("data", "describe", "data=sbm", "data.nodes=900", "data.classes=3")
    assert status == 0, err
    assert any("nodes" in line and "900" in line for line in out.splitlines())
    assert "3 classes" in out


def run_apart(code, tmp_path):
    """Run code in a process of its own and return what it prints."""
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["plugins"],
        ["doctor"],
        ["data"],
        ["--help"],
        ["train", "model=gnc"],
        ["train", "model.hiden=3"],
        ["train", "backend=jax", "optim.groups.a={on:head.*,weight_decay:0,sparse:true}"],
    ],
)
def test_no_framework_is_imported_to_tell(tmp_path, arguments):
    code = (
        "import sys, json, io, contextlib\nfrom heddle.cli import main\n"
        f"with contextlib.redirect_stdout(io.StringIO()): main({arguments!r})\n"
        f"print(json.dumps([name for name in {FRAMEWORKS!r} if name in sys.modules]))"
    )
    assert json.loads(run_apart(code, tmp_path)) == []


def test_only_the_nodes_that_are_composed_are_made(heddle_command, monkeypatch):
    """Hydra copies the stored groups before it reads them; of some seventy options a run has a dozen."""
    from heddle.config.groups import Choice

    made, node = [], Choice.node
    monkeypatch.setattr(
        Choice, "node", lambda self, group, name: made.append((group, name)) or node(self, group, name)
    )
    assert heddle_command("train", "model.hiden=3", "backend=loop")[0] == 2
    assert ("model", "gcn") in made and ("model", "gat") not in made
    assert len(made) < 20


@pytest.mark.parametrize(
    "arguments, seconds",
    [(["plugins"], 0.4), (["train", "model=gnc"], 1.5), (["train", "model.hiden=3"], 1.5)],
)
def test_telling_is_quick(tmp_path, arguments, seconds):
    code = (
        "import io, contextlib, resource\nfrom heddle.cli import main\n"
        f"with contextlib.redirect_stdout(io.StringIO()): main({arguments!r})\n"
        "used = resource.getrusage(resource.RUSAGE_SELF)\nprint(used.ru_utime + used.ru_stime)"
    )
    # The processor's time, since other work on the machine only adds to the clock's.
    taken = min(float(run_apart(code, tmp_path)) for _ in range(3))
    assert taken < seconds


def test_a_reader_that_has_read_enough_sees_no_traceback():
    call = f"{sys.executable} -m heddle plugins | head -1"
    done = subprocess.run(["sh", "-c", call], capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr and "BrokenPipe" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full, a file without space")
@pytest.mark.parametrize(
    ("call", "status", "message"),
    [
        ("data list > /dev/full", 1, "heddle: standard output, or a file: found no space left"),
        ("data list >&-", 0, ""),
        ("nonsense 2>&-", 2, ""),
        ("train data=karate run.dir=setup.py/x", 2, "heddle: run.dir: found setup.py/x, which can't be made"),
    ],
)
def test_output_that_cannot_be_written_costs_a_line(tmp_path, call, status, message):
    (tmp_path / "setup.py").write_text("")
    call = f"{sys.executable} -m heddle {call}"
    done = subprocess.run(["sh", "-c", call], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.returncode == status and done.stderr.startswith(message), done.stderr
    assert len(done.stderr.splitlines()) == bool(message), done.stderr


def test_heddle_runs_as_a_module(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "heddle", "--version"], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == f"heddle {heddle.__version__}\n"
    assert Path(heddle.__file__).with_name("py.typed").exists()


def test_data_is_generated_prepared_and_described(heddle_command, tmp_path):
    status, out, err = heddle_command(
        "data", "generate", "ogbn_mag", f"{tmp_path}/raw", "papers=200", "seed=1"
    )
    assert status == 0 and out.strip() == f"{tmp_path}/raw", err
    arguments = ("data=ogbn_mag", f"data.src={tmp_path}/raw", f"data.dst={tmp_path}/out")
    status, out, err = heddle_command(
        "data", "prepare", *arguments, "etl.engine=polars", "etl.progress=false"
    )
    assert status == 0 and out.strip() == f"{tmp_path}/out" and not err, err
    for data in (arguments[::2], ("data=prepared", f"data.root={tmp_path}/out", "data.check=true")):
        status, out, err = heddle_command("data", "describe", *data)
        assert status == 0 and "200" in out and "8 classes" in out, err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("prepare", "data=karate"), "data=karate has no tables to prepare"),
        (("prepare", "data=schema", "data.src=."), "data.dst: found none"),
        (("prepare", "etl.engine=duck"), "did you mean 'duckdb'?"),
        (("prepare", "etl.memroy=1GB"), "did you mean 'etl.memory'?"),
        (("prepare", "model=gcn"), "is not about data"),
        (("generate", "tabform", "x"), "did you mean 'tabformer'?"),
        (("generate", "tabformer", "x", "row=3"), "did you mean 'rows'?"),
        (("generate", "tabformer", "x", "rows=many"), "'rows=many' is none of"),
        (("describe", "data=tabformer"), "run heddle data prepare data=tabformer"),
    ],
)
def test_data_that_can_not_be_made(heddle_command, arguments, message):
    status, _, err = heddle_command("data", *arguments)
    assert status and message in err and err.count("\n") == 1
