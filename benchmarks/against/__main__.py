"""CPU time of two checkouts on the same work, by turns, as ratios: what a change costs.

    git worktree add ../old COMMIT                     # with its own .venv and native library, as for development
    python benchmarks/against ../old .                 # every case; an hour on a quiet core
    python benchmarks/against ../old . "call *" rgcn-talk --pairs 5
    python benchmarks/against --list

Each checkout runs in a process of its own, with one thread, both on one processor; a case's work is repeated until a
turn takes --turn seconds, and the turns go old, new, new, old. What counts is the median of the ratios new : old of
neighbouring turns; the quartiles say how steady they were. Where memory lies moves times by some per cent for as long
as a process lives: hence --pairs of processes, whose medians are shown apart. "slower" marks a median above --limit.
What is larger than 32 MB is mapped anew at each call; whether one huge page more or less fits there depends on where
the system put the process, and costs a call of "sddmm add" 237 page faults or 748. Hence a pair whose processes have
other numbers of page faults is started again, --tries times; then it stands with "pages".

A case is built by this checkout's cases.py from the public names and the benchmarks of the checkout that runs it.
"""

import argparse
import fnmatch
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple, Self

import cases

PACKAGES = ("torch", "jax", "numpy")
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "JAX_NUM_CPU_DEVICES": "1",
    "JAX_PLATFORMS": "cpu",
    "CUDA_VISIBLE_DEVICES": "",
}


class Worker(NamedTuple):
    """A process of one checkout, which does a case's work when asked and says what it took."""

    process: "subprocess.Popen[str]"

    @classmethod
    def start(cls, checkout: Path, case: str, processor: int) -> Self:
        """Start one on a processor; wait until its case is built."""
        python, folder = checkout / ".venv" / "bin" / "python", Path(__file__).parent
        command = [str(python), str(folder), "--work", case, str(checkout)]
        worker = cls(
            subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=checkout,
                env=os.environ | ONE_THREAD,
                preexec_fn=lambda: os.sched_setaffinity(0, {processor}),
            )
        )
        worker.seconds(1)
        return worker

    def seconds(self, times: int) -> float:
        """Do the work so many times; return the CPU seconds of all together."""
        return self.spent(times)[0]

    def spent(self, times: int) -> tuple[float, float]:
        """Do the work so many times; return the CPU seconds of all together, and the page faults of one."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(f"{times}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("against: a worker ended; its error is above")
        seconds, faults = json.loads(line)
        return float(seconds), faults / times

    def stop(self) -> None:
        """End the process."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def work(case: str, checkout: Path) -> None:
    """Build a case with the code of a checkout, then do its work as often as each line of the input says."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    sys.path.insert(0, str(checkout / "benchmarks"))
    run = cases.CASES[case]()
    for line in sys.stdin:
        run()  # the other process had the caches
        start, before = time.process_time(), faults()
        for _ in range(int(line)):
            run()
        print(json.dumps([time.process_time() - start, faults() - before]), file=answers, flush=True)


def faults() -> int:
    """Return how many pages this process was given without a disk's help."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def pair(case: str, args: argparse.Namespace) -> tuple[Worker, Worker, bool]:
    """Return a process of each checkout, and whether both have about as many page faults."""
    for tried in range(1, args.tries + 1):
        old, new = (Worker.start(root, case, args.processor) for root in (args.old, args.new))
        counts = [worker.spent(5)[1] for worker in (old, new)]
        alike = abs(counts[0] - counts[1]) < max(100, 0.1 * max(counts))
        if alike or tried == args.tries:
            break
        old.stop()
        new.stop()
    return old, new, alike


def compare(case: str, args: argparse.Namespace) -> tuple[float, list[list[float]], bool]:
    """Return the old checkout's CPU milliseconds of one piece of work, the ratios of each pair of processes, and
    whether the pairs had about as many page faults."""
    ratios: list[list[float]] = []
    taken: list[float] = []
    paged = True
    for _ in range(args.pairs):
        old, new, alike = pair(case, args)
        paged &= alike
        times = 1
        while (spent := old.seconds(times)) < args.turn / 10:
            times *= 4
        times = max(1, round(args.turn / spent * times))
        results = []
        for turn in range(args.turns):
            order = (old, new) if turn % 2 == 0 else (new, old)
            seconds = {worker: worker.seconds(times) for worker in order}
            results.append(seconds[new] / seconds[old])
            taken.append(seconds[old] / times)
        ratios.append(results)
        for worker in (old, new):
            worker.stop()
    return statistics.median(taken) * 1e3, ratios, paged


def commit(checkout: Path) -> str:
    """Return the commit of a checkout, marked where files of it are changed."""
    command = ["git", "-C", str(checkout), "describe", "--always", "--dirty", "--exclude=*", "--abbrev=10"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def processor_name() -> str:
    """Return what the processor calls itself."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{named[0]}, {os.cpu_count()} cores" if named else platform.machine()


def main() -> None:
    """Print a line for each case."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("old", type=Path, nargs="?", help="a checkout with .venv")
    parser.add_argument("new", type=Path, nargs="?", help="another")
    parser.add_argument("cases", nargs="*", default=["*"], help="names or patterns; default: all")
    parser.add_argument("--list", action="store_true", help="print the names of the cases")
    parser.add_argument("--pairs", type=int, default=3, help="of processes, one after the other")
    parser.add_argument("--turns", type=int, default=12, help="of each process of a pair")
    parser.add_argument("--turn", type=float, default=0.05, help="CPU seconds of a turn, at least")
    parser.add_argument("--tries", type=int, default=8, help="to start a pair with equal page faults")
    parser.add_argument("--limit", type=float, default=1.05, help="a median above is marked")
    parser.add_argument("--processor", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--work", metavar="CASE", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.list:
        return print("\n".join(cases.CASES))
    if args.work:
        return work(args.work, args.old)
    if not args.new:
        parser.error("expected two checkouts; --list shows the cases")
    args.old, args.new = args.old.resolve(), args.new.resolve()
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    print(f"{processor_name()}, one thread; python {platform.python_version()}, {versions}")
    print(f"old {commit(args.old)}, new {commit(args.new)}; CPU time, {args.pairs} x {args.turns} turns")
    print(f"{'case':28} {'old ms':>9} {'new:old':>8} {'quartiles':>13}  of each pair")
    slow = []
    for name in cases.CASES:
        if not any(fnmatch.fnmatchcase(name, pattern) for pattern in args.cases):
            continue
        milliseconds, ratios, paged = compare(name, args)
        low, median, high = statistics.quantiles([each for pair in ratios for each in pair], n=4)
        each = " ".join(f"{statistics.median(pair):.3f}" for pair in ratios)
        mark = ("  slower" if median > args.limit else "") + ("" if paged else "  pages")
        slow += [name] * (median > args.limit)
        print(
            f"{name:28} {milliseconds:9.4f} {median:8.3f} {low:6.3f}-{high:.3f}  {each}{mark}",
            flush=True,
        )
    print(f"slower by more than {args.limit - 1:.0%}: {', '.join(slow) or 'none'}")


if __name__ == "__main__":
    main()
