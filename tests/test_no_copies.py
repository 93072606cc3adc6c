"""No ten lines stand in two packages: what two need has a home that both may import."""

from pathlib import Path

PACKAGES = Path(__file__).resolve().parents[1] / "packages"
RUN = 10


def test_no_run_of_ten_equal_lines_stands_in_two_packages():
    """Blank lines and indentation don't count."""
    first: dict[tuple[str, ...], tuple[str, str]] = {}
    copies = []
    sources = sorted(PACKAGES.glob("*/src/**/*.py"))
    assert sources
    for path in sources:
        package = path.relative_to(PACKAGES).parts[0]
        numbered = enumerate(path.read_text().splitlines(), 1)
        lines = [(number, line.strip()) for number, line in numbered if line.strip()]
        for start in range(len(lines) - RUN + 1):
            run = tuple(line for _, line in lines[start : start + RUN])
            where = f"{path.relative_to(PACKAGES)}:{lines[start][0]}"
            owner, actual = first.setdefault(run, (package, where))
            if owner != package:
                copies.append(f"{actual} and {where}")
    assert not copies, "found the same lines in two packages, expected them in one that both import: " + str(
        copies
    )
