"""What all test sessions share: profiles of hypothesis, seeds, interrupts that reach children, a report of what ran."""

import platform
import random
import resource
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parent
COMMANDS = {"prove": "make prove", "slow": "make test-all"}
"""Marker -> the command that runs what carries it."""

SLOW_SECONDS = 1800
"""How long a test with such a marker may take: some build software."""

KIT = "packages/core/src/heddle/testing/test_backend.py"
NUMPY_WITH_NUMPY = (f"{KIT}::TestOps::", f"{KIT}::TestLayers::")
"""Suites that compare core's reference with NumpyOps, which it computes by; on engines they prove more."""

LOOM = "examples/third_party_backend/tests/test_suites.py"
TWICE = (
    f"{LOOM}::TestOps::",
    f"{LOOM}::TestLayers::",
    "packages/torch-base/tests/test_conformance.py::TestLayers::",
)
"""Suites of ops and layers that run on a framework's arrays in `make test` by another engine, or with its kernels."""

LEFT_OUT: pytest.StashKey[Counter] = pytest.StashKey()
OUTCOMES = ("passed", "failed", "error", "skipped")

settings.register_profile("test", deadline=None)  # a busy machine is no failure
settings.register_profile(
    "prove", deadline=None, max_examples=10_000, suppress_health_check=list(HealthCheck)
)
settings.load_profile("test")


def pytest_addoption(parser):
    parser.addoption(
        "--record", metavar="FILE", help="write the report of what ran to FILE too, with the commit"
    )


def pytest_configure(config):
    config.stash[LEFT_OUT] = Counter()
    # A shell's background job starts with SIGINT ignored, and so would every process that a test starts and interrupts.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)  # before pytest leaves out by markers
def pytest_collection_modifyitems(config, items):
    reference = config.getoption("heddle_backend", "reference") == "reference"
    for item in items:
        if item.nodeid.startswith(TWICE) or (reference and item.nodeid.startswith(NUMPY_WITH_NUMPY)):
            item.add_marker(pytest.mark.slow)
        named = any(item.get_closest_marker(name) for name in COMMANDS)
        if (
            named
            and not item.get_closest_marker("timeout")
            and item.config.getoption("timeout", None) is None
        ):
            item.add_marker(pytest.mark.timeout(SLOW_SECONDS))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Start the frameworks' global generators anew, so that what a test draws doesn't depend on the tests before it."""
    random.seed(0)
    np.random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


def pytest_deselected(items):
    for item in items:
        why = next((name for name in COMMANDS if item.get_closest_marker(name)), "not asked for")
        item.config.stash[LEFT_OUT][part_of(item.nodeid), why] += 1


def pytest_sessionfinish(session):
    """Tell the process that started this one, where there is one: it collects nothing itself."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_out"] = list(session.config.stash[LEFT_OUT].items())


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    """Take what a worker left out; each worker collects, and leaves out, the same tests."""
    left_out = getattr(node, "workeroutput", {}).get("left_out", [])
    node.config.stash[LEFT_OUT] |= Counter({tuple(key): count for key, count in left_out})


def pytest_terminal_summary(terminalreporter, config):
    reports = {name: terminalreporter.stats.get(name, []) for name in OUTCOMES}
    tables = {"what ran": what_ran(reports, config.stash[LEFT_OUT]), "skipped": skipped(reports["skipped"])}
    for title, lines in tables.items():
        if lines:
            terminalreporter.section(title)
            terminalreporter.write("".join(f"{line}\n" for line in lines))
    if config.getoption("record"):
        slow = slowest(
            [report for name in ("", *OUTCOMES) for report in terminalreporter.stats.get(name, [])]
        )
        write_record(Path(config.getoption("record")), config, tables | {"slowest": slow})


def part_of(nodeid):
    """Return the package, or folder, that a test belongs to."""
    first, *rest = nodeid.partition("::")[0].split("/")
    return f"{first}/{rest[0]}" if first in ("packages", "examples") and len(rest) > 1 else first


def what_ran(reports, left_out):
    """Return a line for each part: how many of its tests passed or not, and which weren't run; and what it cost."""
    counts, why = defaultdict(Counter), defaultdict(list)
    for name, outcomes in reports.items():
        for report in outcomes:
            counts[part_of(report.nodeid)][name] += 1
    for (part, reason), count in sorted(left_out.items()):
        command = f" ({COMMANDS[reason]})" if reason in COMMANDS else ""
        why[part].append(f"{count} {reason}{command}")
    lines = [f"{'':32}" + "".join(f"{name:>9}" for name in OUTCOMES) + "  left out"]
    for part in sorted({*counts, *why}):
        numbers = "".join(f"{counts[part][name]:9}" for name in OUTCOMES)
        lines.append(f"{part:32}{numbers}  {', '.join(why[part]) or '-'}")
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return [*lines, f"{sum(each.ru_utime + each.ru_stime for each in used):.0f} s of processor time"]


def skipped(reports):
    """Return a line for each reason and part, the most frequent first: how many tests were skipped for it."""
    reasons = Counter(
        (part_of(report.nodeid), str(report.longrepr[2]).removeprefix("Skipped: ")) for report in reports
    )
    return [f"{count:6}  {part}: {reason}" for (part, reason), count in reasons.most_common()]


def slowest(reports, count=10):
    """Return a line for each of the slowest tests, set-up and end included."""
    seconds = Counter()
    for report in reports:
        seconds[report.nodeid] += getattr(report, "duration", 0)
    return [f"{time:8.1f} s  {nodeid}" for nodeid, time in seconds.most_common(count)]


def write_record(path, config, tables):
    """Write a report that says of which commit, machine and versions it is."""
    git = ["git", "-C", str(ROOT)]
    commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True).stdout.strip()
    changed = subprocess.run([*git, "status", "--porcelain", "-uno"], capture_output=True, text=True).stdout
    versions = [f"python {platform.python_version()}"]
    for name in ("numpy", "jax", "torch", "torch-geometric", "dgl", "hypothesis"):
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    lines = [
        f"commit {commit or 'unknown'}{' and changes' if changed else ''}",
        f"{platform.system()} {platform.machine()}, {', '.join(versions)}",
        f"pytest {' '.join(config.invocation_params.args)}",
    ]
    for title, rows in tables.items():
        lines += ["", f"{title}:", *rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))
