"""What time costs a training step, and what this checkout's step costs beside an older one's: CPU time, as ratios.

    git worktree add ../old COMMIT                      # with its own .venv and native library, as for development
    python benchmarks/timed_steps.py ../old             # 1M nodes, 20M edges; some minutes and 5 GB for each checkout
    python benchmarks/timed_steps.py --nodes 50000 --edges 1000000 --steps 4 --rounds 2

GraphSAGE of `heddle train model=sage sampler=neighbor`: fanouts [15, 10], batches of 1024, Adam. Of one graph, untimed
and with a time for every edge and another time for every seed, as late as any edge, so that both take as many edges;
with dropout on each layer's input, as the model has by default, and without. Each step samples, reads features, goes
forward and back and steps. One thread of one processor does all of it, and each checkout has a process of its own:
turns go old, new, new, old, and what counts is the median of the ratios of neighbouring turns.

Nothing is timed before the gate is green: each checkout's first losses of a timed and of an untimed epoch are those of
the other without dropout, and no edge of a timed batch is newer than its seed.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

FANOUTS, BATCH, CLASSES, WIDTH, HIDDEN = (15, 10), 1024, 16, 64, 64
CASES = [(timed, dropout) for dropout in (0.0, 0.5) for timed in (False, True)]
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def moved(*names: str) -> Any:
    """Return the first module of these that the checkout at work has: its name now, then that in 0.1.0."""
    for name in names[:-1]:
        try:
            return import_module(name)
        except ImportError:
            continue
    return import_module(names[-1])


def make_dataset(nodes: int, edges: int, steps: int, timed: bool) -> Any:
    """Return a random graph of lognormal degrees, its edges sorted by receiver and time."""
    from heddle.data.dataset import Dataset, Times

    rng = np.random.default_rng(0)
    shares = rng.lognormal(0, 1, nodes)
    receivers = np.repeat(np.arange(nodes, dtype=np.int32), rng.multinomial(edges, shares / shares.sum()))
    senders = rng.integers(0, nodes, edges, dtype=np.int32)
    x = rng.standard_normal((nodes, WIDTH), dtype=np.float32)
    targets, order = rng.integers(0, CLASSES, nodes), rng.permutation(nodes)[: steps * BATCH]
    when = rng.integers(0, 10**9, edges)
    when = when[np.lexsort((when, receivers))]
    graph = moved("heddle.graphs.graph", "heddle.graph").Graph(
        x, None, senders, receivers, None, np.array([nodes]), np.array([edges])
    )
    splits = {"train": order, "valid": order[:10], "test": order[:10]}
    times = Times(10**9 + rng.permutation(nodes), {}, {("", "", ""): when}) if timed else None
    return Dataset("random", "node_classification", graph, targets, splits, CLASSES, times=times)


class OneDataset:
    """The plugins, and a dataset that is there already."""

    def __init__(self, dataset: Any):
        self._plugins = moved("heddle.engines.plugins", "heddle.plugins").load_plugins()
        self._dataset = dataset

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plugins, name)

    def dataset(self, name: str) -> Any:
        return lambda config: self._dataset


class Training:
    """One case: epochs of training, one after the other."""

    def __init__(self, dataset: Any, dropout: float):
        from heddle.config.run import RunConfig
        from heddle.options import DataOptions
        from heddle.workflow.assemble import assemble
        from heddle.workflow.options import Sampler
        from heddle_pyg.options import PygOptions

        config = RunConfig(
            DataOptions("random"),
            moved("heddle.nn.models.options", "heddle.models.options").SageOptions(
                "sage", hidden=HIDDEN, dropout=dropout
            ),
            PygOptions(),
            optim=moved("heddle.engines.optim", "heddle.optim").Optim(lr=0.01, weight_decay=0.0),
            sampler=Sampler("neighbor", FANOUTS, BATCH, workers=0),
        )
        self.parts = assemble(config, OneDataset(dataset))
        self.state, self.epochs, self.dataset = self.parts.program.init(0), 0, dataset

    def epoch(self) -> list[float]:
        """Train an epoch; return its losses."""
        losses = []
        for placed in self.parts.loader.batches(self.parts.program, self.epochs):
            self.state, metrics = self.parts.program.step(self.state, placed)
            losses.append(metrics["loss"])
        self.epochs += 1
        return losses

    def gate(self) -> list[float]:
        """Raise if a timed batch holds an edge newer than its seed; return the first epoch's losses."""
        loader: Any = self.parts.loader
        if self.dataset.times is not None:
            asked = loader._question.learn(np.arange(BATCH), 0)
            fanout = loader._specs["train"].fanout()
            sample = loader._graph.parts.sample(asked.seeds, fanout, 3, asked.times - 5 * 10**8)
            when = self.dataset.times.edges[("", "", "")][sample.edges]
            assert len(when) and (when <= (asked.times - 5 * 10**8)[sample.tree[sample.receivers]]).all()
        return self.epoch()


def work(arguments: argparse.Namespace) -> None:
    """Build all cases of this checkout; then train a case for as often as lines on stdin name it."""
    import torch

    torch.set_num_threads(1)
    data = {
        timed: make_dataset(arguments.nodes, arguments.edges, arguments.steps, timed)
        for timed in (False, True)
    }
    cases = [Training(data[timed], dropout) for timed, dropout in CASES]
    print(json.dumps([case.gate() for case in cases]), flush=True)
    for line in sys.stdin:
        start = time.process_time()
        losses = cases[int(line)].epoch()
        assert np.isfinite(losses).all()
        print(json.dumps((time.process_time() - start) / len(losses)), flush=True)


def start(checkout: Path, arguments: argparse.Namespace) -> "subprocess.Popen[str]":
    """Start a checkout's process."""
    sizes = [f"--{name}={getattr(arguments, name)}" for name in ("nodes", "edges", "steps")]
    command = [str(checkout / ".venv" / "bin" / "python"), str(Path(__file__).resolve()), "--work", *sizes]
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=checkout,
        env=os.environ | ONE_THREAD,
    )


def answer(process: "subprocess.Popen[str]", case: int | None = None) -> Any:
    """Have a case train an epoch; return the CPU seconds of its step. Of no case, the losses of all first epochs."""
    assert process.stdin and process.stdout
    if case is not None:
        print(case, file=process.stdin, flush=True)
    line = process.stdout.readline()
    if not line:
        raise SystemExit("timed_steps: a process ended; its error is above")
    return json.loads(line)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("old", type=Path, nargs="?", help="an older checkout to compare with")
    parser.add_argument("--nodes", type=int, default=1_000_000)
    parser.add_argument("--edges", type=int, default=20_000_000)
    parser.add_argument("--steps", type=int, default=12, help="of an epoch, which is a turn")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        return work(arguments)
    here = Path(__file__).resolve().parents[1]
    processes = [start(path.resolve(), arguments) for path in (arguments.old, here) if path is not None]
    losses = [answer(process) for process in processes]
    for case, (_, dropout) in enumerate(CASES):
        if not dropout:
            np.testing.assert_allclose(losses[0][case], losses[-1][case], rtol=1e-4)
    print(
        f"{platform.processor() or platform.machine()}, {arguments.nodes} nodes, {arguments.edges} edges, "
        f"{WIDTH} features, GraphSAGE of {HIDDEN}, fanouts {list(FANOUTS)}, batches of {BATCH}, one thread"
    )
    print("the gate is green\n")
    seconds: dict[tuple[int, int], list[float]] = {}
    for number in range(arguments.rounds):
        for case in range(len(CASES)):
            turns = range(len(processes)) if number % 2 else reversed(range(len(processes)))
            for turn in turns:
                seconds.setdefault((turn, case), []).append(answer(processes[turn], case))
    new = len(processes) - 1
    print("step                      ms cpu  of untimed" + "  old ms cpu  old : new" * new)
    for case, (timed, dropout) in enumerate(CASES):
        stepping, untimed = seconds[new, case], seconds[new, case - timed]
        line = f"{'timed' if timed else 'untimed':8} dropout {dropout:3} {statistics.median(stepping) * 1e3:12.2f}"
        line += f"{statistics.median(a / b for a, b in zip(stepping, untimed)):12.2f}"
        if new:
            old = seconds[0, case]
            ratio = statistics.median(a / b for a, b in zip(old, stepping))
            line += f"{statistics.median(old) * 1e3:12.2f}{ratio:11.2f}"
        print(line)
    for process in processes:
        assert process.stdin
        process.stdin.close()
        process.wait()


if __name__ == "__main__":
    main()
