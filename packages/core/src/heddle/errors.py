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


class PluginError(HeddleError, RuntimeError):
    """A plugin is missing, broken, refused or ambiguous."""


class CheckpointError(HeddleError, ValueError):
    """A checkpoint or a weights file is cut, foreign, or doesn't fit the model."""


def nearest(name: str, valid: list[str] | tuple[str, ...]) -> str:
    """Return the entry of `valid` closest to `name` as a hint, "; did you mean 'gcn'?", or "" if none is."""
    import difflib

    close = difflib.get_close_matches(name, valid, n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def problem(where: str, found: object, expected: str, do: str) -> str:
    """Return the sentence errors share: `senders[3]: found 7, expected an id below 5; remove the edge`."""
    return f"{where}: found {found}, expected {expected}; {do}"
