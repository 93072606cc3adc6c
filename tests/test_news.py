"""News fragments: a line each, of a known type, that completes "This change will"; CONTRIBUTING says so."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

TYPES = ("added", "changed", "fixed", "removed")

FRAGMENTS = sorted(path for path in ROOT.glob("packages/*/news/*") if path.name != ".gitkeep")


def faults_of(name: str, text: str) -> list[str]:
    """Return what is wrong with a fragment, by its name and text."""
    topic, *types = name.removesuffix(".md").split(".")
    faults = []
    if not name.endswith(".md") or not topic or len(types) != 1 or types[0] not in TYPES:
        faults.append(f"found the name {name}, expected TOPIC.TYPE.md with a type of {', '.join(TYPES)}")
    if not text.strip() or text != f"{text.strip()}\n" or "\n" in text.strip():
        faults.append("expected one line")
    if text.startswith("This change"):
        faults.append('expected what follows "This change will"')
    return faults


@pytest.mark.parametrize("path", FRAGMENTS, ids=lambda path: f"{path.parts[-3]}/{path.name}")
def test_a_fragment_is_a_line_of_a_known_type(path):
    assert not faults_of(path.name, path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.feature.md", "do more.\n"),
        ("a.md", "do more.\n"),
        ("a.added.txt", "do more.\n"),
        ("a.added.md", "do more.\n\nAnd more.\n"),
        ("a.added.md", "do more."),
        ("a.added.md", "This change will do more.\n"),
        ("a.added.md", "\n"),
    ],
)
def test_a_wrong_one_is_found(name, text):
    assert faults_of(name, text)


def test_contributing_names_the_types():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert all(f"`{each}`" in text for each in TYPES)
