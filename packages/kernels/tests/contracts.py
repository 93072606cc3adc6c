"""Count the contract suites: ops x contracts of every face, and how many cells are green, refused or left out.

python packages/kernels/tests/contracts.py          # counts cells
python packages/kernels/tests/contracts.py --run    # runs them all, some minutes, and counts outcomes
"""

import argparse
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from xml.etree import ElementTree

HERE = Path(__file__).parent
SUITES = {
    "numpy": HERE / "array_contracts" / "test_numpy_contracts.py",
    "torch": HERE / "array_contracts" / "test_torch_contracts.py",
    "torch, lists": HERE / "array_contracts" / "test_list_contracts.py",
    "JAX": HERE / "array_contracts" / "test_jax_contracts.py",
    "TorchOps": HERE.parents[1] / "torch-base" / "tests" / "test_contracts.py",
    "JAX engine": HERE.parents[1] / "jax-backend" / "tests" / "contracts",
}


def collect(suite: Path) -> list[str]:
    """Return the names of a suite's tests."""
    command = [sys.executable, "-m", "pytest", "-n", "0", "-q", "--collect-only", str(suite)]
    done = subprocess.run(command, capture_output=True, text=True)
    return [line for line in done.stdout.splitlines() if "::test" in line]


def run(suite: Path) -> tuple[Counter[str], Counter[str]]:
    """Return how many cells of a suite passed, failed and were skipped, and how often for which reason."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        command = [sys.executable, "-m", "pytest", "-n", "0", "-q", f"--junitxml={report}", str(suite)]
        subprocess.run(command, capture_output=True, check=False)
        cases = ElementTree.parse(report).getroot().iter("testcase")
    outcomes: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for case in cases:
        results = {child.tag: child for child in case}
        outcome = next((tag for tag in ("failure", "error", "skipped") if tag in results), "passed")
        outcomes[outcome] += 1
        if outcome == "skipped":
            reasons[results[outcome].get("message", "")] += 1
    return outcomes, reasons


def table(cells: list[str]) -> tuple[int, int]:
    """Return (number of contracts, number of ops) of cells: test_NAME[op-...] or test_contract[contract-op]."""
    contracts: dict[str, set[str]] = defaultdict(set)
    for cell in cells:
        test, _, rest = cell.rpartition("::")[2].partition("[")
        if rest:
            first, _, last = rest.rstrip("]").partition("-")
            contract, op = (first, last) if test == "test_contract" else (test, first)
            contracts[contract].add(op)
    ops = max((len(actual) for actual in contracts.values()), default=0)
    return len(contracts), ops


def main() -> int:
    """Print a line per face; return 1 if a cell failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", action="store_true", help="run the cells too")
    parser.add_argument("--face", choices=SUITES, nargs="+", default=[*SUITES])
    args = parser.parse_args()
    failed, lines = 0, []
    for face in args.face:
        cells = collect(SUITES[face])
        contracts, ops = table(cells)
        outcomes, reasons = run(SUITES[face]) if args.run else (Counter(), Counter())
        outcome = ", ".join(f"{count} {name}" for name, count in sorted(outcomes.items()))
        lines.append(
            f"{face:14}{contracts:4} contracts, {ops:3} ops, {len(cells):5} tests  {outcome}".rstrip()
        )
        lines += [f"{'':14}{count:4} skipped: {reason}" for reason, count in reasons.items()]
        failed += outcomes["failure"] + outcomes["error"]
    print("\n".join(lines))
    return int(failed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
