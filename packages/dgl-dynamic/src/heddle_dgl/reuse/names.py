"""names_of: what a function's code looks up, by name: globals, attributes, modules that it imports."""

import dis
import functools
import types
from typing import NamedTuple


class Names(NamedTuple):
    """What code, and the functions written within it, look up.

    Attributes:
        every: all names, those of attributes and globals, and texts that may be names of attributes.
        globals: names of globals alone.
        imports: modules that are imported when it runs.
    """

    every: tuple[str, ...]
    globals: tuple[str, ...]
    imports: tuple[str, ...]


@functools.lru_cache(maxsize=1024)
def names_of(code: types.CodeType) -> Names:
    """Return what code looks up.

    >>> names_of((lambda x: SCALE * x.size).__code__)
    Names(every=('SCALE', 'size'), globals=('SCALE',), imports=())
    """
    every, looked_up, imports = list(code.co_names), [], []
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"):
            looked_up.append(step.argval)
        elif step.opname == "IMPORT_NAME":
            imports.append(step.argval)
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            inner = names_of(const)
            every += inner.every
            looked_up += inner.globals
            imports += inner.imports
        elif isinstance(const, str) and const.isidentifier():  # getattr(x, "name")
            every.append(const)
    return Names(*(tuple(dict.fromkeys(names)) for names in (every, looked_up, imports)))
