"""keep_memory: XLA's buffers on a CPU from memory that the process keeps, not fresh from the system each step."""

import ctypes
import platform

_MOST = (1 << 31) - 1
_OPTIONS = {"M_ARENA_MAX": (-8, 1), "M_MMAP_THRESHOLD": (-3, _MOST), "M_TRIM_THRESHOLD": (-1, _MOST)}
"""Of glibc's malloc.h: one heap for all threads, for large blocks too, and nothing of it given back."""


def keep_memory() -> bool:
    """Tell glibc's malloc to keep what is freed and hand it out again; return False where there is another malloc.

    XLA asks malloc for a step's temporaries and gives them back after it. glibc passes blocks of that size on to the
    system, and the next step faults their pages in anew, which takes as long as all the rest (docs/decisions/0011).
    The process then holds on to the most it ever used. On a busy machine that is more than one step takes, and the
    first dozens of steps still fault some pages in: a step's temporaries may be freed after the next step has taken its
    own. Threads that are there already may go on with a heap of their own, so call it before JAX's first computation.
    Calling it again changes nothing.

    Raises:
        OSError: glibc refuses an option.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL(None)
    for name, (option, value) in _OPTIONS.items():
        if not libc.mallopt(option, value):
            raise OSError(f"keep_memory: glibc refused {name} = {value}; set backend.keep_memory=false")
    return True
