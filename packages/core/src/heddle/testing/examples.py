"""How many examples a test of hypothesis takes: few in everyday runs, all that a profile asks for in `make prove`."""

from hypothesis import settings

USUAL = 100
"""What hypothesis takes where nobody asks for more."""


def examples(few: int) -> int:
    """Return `few`, or the profile's number where that is more than hypothesis takes by itself.

    >>> @settings(max_examples=examples(20))
    ... def test_any_sequence_of_edits(edits): ...
    """
    asked = int(settings().max_examples)
    return asked if asked > USUAL else few
