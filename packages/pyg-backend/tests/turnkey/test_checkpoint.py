"""A script that was broken off goes on from its checkpoint as if nothing had happened."""

import numpy as np
import pytest

from heddle.errors import HeddleError
from heddle.workflow import trainer

from .scripts import link_script, mag_data, node_script, purchases
from .test_processes import weights


class Broken(Exception):
    """Stands for a break in the third epoch."""


def broken(monkeypatch, workflow, at=3):
    """Fit until epoch `at`, in which it breaks."""
    epoch = trainer._epoch

    def breaking(*arguments):
        if arguments[-1].epoch + 1 == at:
            raise Broken
        return epoch(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(trainer, "_epoch", breaking)
        with pytest.raises((Broken, HeddleError)):
            workflow.fit()


@pytest.mark.parametrize("n", [1, 2])
def test_a_broken_script_ends_where_a_whole_one_does(tmp_path, monkeypatch, n):
    folder, options = purchases(tmp_path / "data"), {"double": True, "epochs": 4, "n_gpus": n}
    whole = link_script(folder, **options)
    rows = whole.fit()
    broken(monkeypatch, link_script(folder, checkpoint=tmp_path / "run", **options))
    files = sorted(path.name for path in (tmp_path / "run/checkpoints").iterdir())
    assert files == [
        f"epoch-00000{k}.{plugin_kind}" for k in (1, 2) for plugin_kind in ("json", "safetensors")
    ]
    again = link_script(folder, checkpoint=tmp_path / "run", **options)
    actual = again.fit()
    assert [row["epoch"] for row in actual] == [1, 2, 3, 4]
    np.testing.assert_allclose([r["loss"] for r in actual], [r["loss"] for r in rows], rtol=0, atol=1e-12)
    for name, value in weights(again).items():
        np.testing.assert_allclose(value, weights(whole)[name], rtol=0, atol=1e-12, err_msg=name)
    finished = link_script(folder, checkpoint=tmp_path / "run", **options)
    assert finished.fit() == actual, "nothing is left to train"


def test_a_checkpoint_of_another_script_or_half_a_file_is_reported(tmp_path):
    link_script(purchases(tmp_path / "data"), checkpoint=tmp_path / "run").fit()
    with pytest.raises(HeddleError, match="name another folder"):
        node_script(mag_data(), checkpoint=tmp_path / "run").fit()
    path = tmp_path / "run/checkpoints/epoch-000001.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(HeddleError, match="no usable checkpoint among 1"):
        link_script(tmp_path / "data", checkpoint=tmp_path / "run").fit()
