"""`heddle --version`."""

from collections.abc import Sequence

import heddle


def run(arguments: Sequence[str]) -> int:
    """Print core's version."""
    print(f"heddle {heddle.__version__}")
    return 0
