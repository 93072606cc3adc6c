"""`heddle train` on a prepared folder that is larger than the memory it may take."""

import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from heddle.data.prepared import FolderTask, FolderWriter

NODES, WIDTH, DEGREE = 250_000, 250, 60
LIMIT = 190 << 20

SCRIPT = """
    import resource, sys
    import numpy as np
    import torch
    import heddle_pyg.backend, heddle_kernels.sampling, heddle.data.prepared, threading
    from heddle.cli import main

    def used(field):
        lines = open("/proc/self/status").read().splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith(field))

    threading.stack_size(1 << 20)
    before = used("RssAnon")
    resource.setrlimit(resource.RLIMIT_DATA, (used("VmData") + {limit}, resource.RLIM_INFINITY))
    assert main(sys.argv[1:]) == 0
    print("grown by", used("RssAnon") - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(
    sys.platform != "linux", reason="found no Linux, whose RLIMIT_DATA leaves mapped files out"
)
@pytest.mark.parametrize("task", ["node_classification", "link_prediction"])
def test_a_folder_larger_than_the_memory_limit_trains(tmp_path, task):
    """250 MB of features, 120 MB of edges with their receivers."""
    rng = np.random.default_rng(0)
    label = rng.integers(4, size=NODES)
    x = rng.standard_normal((NODES, WIDTH), dtype=np.float32)
    x[np.arange(NODES), label] += 2
    indptr = (DEGREE * np.arange(NODES + 1)).astype(np.int32)
    senders = rng.integers(NODES, size=NODES * DEGREE, dtype=np.int32)
    assert x.nbytes + 2 * senders.nbytes > 1.5 * LIMIT
    writer, key = FolderWriter(tmp_path / "data", "things"), ("thing", "to", "thing")
    splits = {"train": np.arange(1500), "valid": np.arange(4000, 4100), "test": np.arange(4100, 4200)}
    writer.nodes("thing", NODES, features={"x": x}, label=label, splits=splits)
    writer.edges(key, len(senders), indptr=indptr, senders=senders, splits=splits)
    target = ("thing",) if task == "node_classification" else key
    folder = writer.finish(FolderTask(task, target, 4 if task == "node_classification" else 0))
    arguments = [
        "train",
        "data=prepared",
        f"data.root={folder}",
        "model=rgcn",
        "backend=pyg",
        "trainer.epochs=1",
    ]
    arguments += [
        "sampler=neighbor",
        "sampler.fanouts=[4,4]",
        "sampler.batch_size=64",
        "model.hidden=16",
        "sampler.workers=1",
        "task.baselines=false",  # whose trees hold the table's rows in memory
    ]
    script = textwrap.dedent(SCRIPT.format(limit=LIMIT))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments, "trainer.progress=false", f"run.dir={tmp_path / 'run'}"],
        capture_output=True,
        text=True,
        timeout=300,
        env=environment,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    grown = int(done.stdout.rsplit("grown by", 1)[1])
    assert grown < LIMIT, f"{grown >> 20} MiB"
