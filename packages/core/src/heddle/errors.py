"""Errors that users meet: each message says what was found, what was expected and what to do."""


class HeddleError(Exception):
    """Base of all errors that Heddle raises on purpose; `heddle` prints it without a traceback."""


class GraphError(HeddleError, ValueError):
    """A graph breaks a rule: an id out of range, a count that doesn't add up, a ragged feature."""


class DataError(HeddleError, ValueError):
    """A file or a table can't be read as what it claims to be."""


class BudgetError(HeddleError, ValueError):
    """A graph doesn't fit in the sizes it was to be padded to."""


class ConfigError(HeddleError, ValueError):
    """A configuration names something unknown or of the wrong type."""


class CapabilityError(ConfigError):
    """What was chosen can't do what is asked of it; another one may.

    Attributes:
        plugin_kind: "backend" or "model", what was chosen.
        capability: name of the `heddle.nn.capabilities.Capability` that it lacks; the registry, which knows who has it,
            completes the message.
    """

    def __init__(self, message: str, plugin_kind: str = "", capability: str = ""):
        super().__init__(message)
        self.plugin_kind, self.capability = plugin_kind, capability


class PluginError(HeddleError, RuntimeError):
    """A plugin is missing, broken, refused or ambiguous."""


class CheckpointError(HeddleError, ValueError):
    """A checkpoint or a weights file is cut, foreign, or doesn't fit the model."""


class LostProcessError(HeddleError, RuntimeError):
    """Another process of a run was killed, or stopped answering."""


def nearest(name: str, valid: list[str] | tuple[str, ...]) -> str:
    """Return the entry of `valid` closest to `name` as a hint, "; did you mean 'gcn'?", or "" if none is."""
    close = closest(name, valid)
    return f"; did you mean {close!r}?" if close else ""


def closest(name: str, valid: list[str] | tuple[str, ...]) -> str:
    """Return the entry of `valid` that `name` was probably meant to be, "" if none is near."""
    from difflib import SequenceMatcher

    def far(entry: str) -> tuple[int, float]:
        return edit_distance(name.lower(), entry.lower()), -SequenceMatcher(None, name, entry).ratio()

    close = min(valid, key=far, default="")
    allowed = max(1, (max(len(name), len(close)) + 1) // 3)
    return close if close and far(close)[0] <= allowed else ""


def edit_distance(a: str, b: str) -> int:
    """Count the insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`.

    >>> edit_distance("gnc", "gcn"), edit_distance("hiden", "hidden"), edit_distance("gnc", "gin")
    (1, 1, 2)
    """
    before: list[int] = []
    last = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            best = min(last[j] + 1, row[-1] + 1, last[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and y == a[i - 2]:
                best = min(best, before[j - 2] + 1)
            row.append(best)
        before, last = last, row
    return last[-1]


def problem(where: str, actual: object, expected: str, do: str) -> str:
    """Return the line that errors share, of where, actual, expected and what to do.

    `senders[3]: found 7, expected an id below 5; remove the edge`.
    """
    return " ".join(f"{where}: found {actual}, expected {expected}; {do}".split())
