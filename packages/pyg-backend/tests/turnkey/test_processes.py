"""Several processes train as one: the loss curve of one process with the doubled batch, embeddings split over both."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch

from heddle.data import DataSpec
from heddle.errors import LostProcessError
from heddle_torch.group import run_forked

from .scripts import link_script, mag_data, node_script, purchases


def curve(workflow):
    workflow.fit()
    return np.array(workflow.trainer.runner.losses)


def weights(workflow):
    return {name: value.detach().numpy() for name, value in workflow.trainer.model.state_dict().items()}


def assert_same(one, other):
    np.testing.assert_allclose(curve(one), curve(other), rtol=0, atol=1e-8)
    for name, value in weights(one).items():
        np.testing.assert_allclose(value, weights(other)[name], rtol=0, atol=1e-8, err_msg=name)


def test_two_processes_are_one_with_the_doubled_batch_on_nodes():
    made = [
        node_script(mag_data(DataSpec(batch_size=size, fanouts=[3, 2])), double=True, n_gpus=n, epochs=2)
        for size, n in ((32, 2), (64, 1))
    ]
    assert_same(*made)


def test_two_processes_are_one_with_the_doubled_batch_on_links_with_embeddings(tmp_path):
    folder = purchases(tmp_path / "data")
    made = [
        link_script(folder, double=True, epochs=2, spec=DataSpec(batch_size=size, fanouts=[3, 2]), n_gpus=n)
        for size, n in ((32, 2), (64, 1))
    ]
    assert_same(*made)
    assert [held.optimizer.state for held in made[0].trainer.runner.optimizer.held], "moments are whole again"
    assert made[0].valid()["acc"] == pytest.approx(made[1].valid()["acc"])
    assert_same(*made)  # trained on from where they were


@pytest.mark.parametrize("amp", ["bf16", "f16"])
def test_several_processes_compute_in_lower_precision(amp):
    workflow = node_script(mag_data(), n_gpus=2, epochs=2, amp=amp)
    losses = curve(workflow)
    assert np.isfinite(losses).all() and losses[-3:].mean() < losses[:3].mean()


def test_a_killed_process_ends_the_run_with_one_error():
    def work(group):
        if group.rank == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        group.sum_(torch.ones(1))

    with pytest.raises(LostProcessError, match="another process failed or was killed"):
        run_forked(2, work)


SCRIPT = """
    import json, os, sys
    sys.path.insert(0, {tests!r})
    from turnkey.scripts import DataSpec, mag_data, node_script
    workflow = node_script(mag_data(DataSpec(batch_size=32, fanouts=[3, 2])), double=True, epochs=2)
    workflow.fit()
    if os.environ["RANK"] == "0":
        open({out!r}, "w").write(json.dumps(workflow.trainer.runner.losses))
"""


@pytest.mark.slow
def test_torchrun_gives_the_curve_of_one_process_with_the_doubled_batch(tmp_path):
    import json

    out, script = tmp_path / "losses.json", tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT.format(tests=str(Path(__file__).parents[1]), out=str(out))))
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        str(script),
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=180, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stderr[-2000:]
    alone = node_script(mag_data(DataSpec(batch_size=64, fanouts=[3, 2])), double=True, epochs=2)
    np.testing.assert_allclose(json.loads(out.read_text()), curve(alone), rtol=0, atol=1e-8)
