"""Signatures and structures of native/include/heddle_sampling.h."""

import ctypes

from heddle_kernels.library import native, raise_error

_P, _N, _I, _D = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int32, ctypes.c_double


class InEdgesStruct(ctypes.Structure):
    """struct heddle_in_edges."""

    _fields_ = (
        *((name, _P) for name in ("indptr", "senders", "weight", "time")),
        ("edges", _N),
        *((name, _I) for name in ("source", "target", "index", "weight_dtype")),
    )


class RequestStruct(ctypes.Structure):
    """struct heddle_sample_request."""

    _fields_ = (
        *((name, _P) for name in ("seeds", "n_seeds", "first_tree", "seed_time", "roots", "sizes")),
        *((name, _N) for name in ("hops", "most")),
        ("key", ctypes.c_uint64),
        *((name, _I) for name in ("replace", "trees", "induced", "newest", "layered", "threads")),
    )


_ARGUMENTS = {
    "heddle_sample_graph_new": [_P, _P, _N, _P, _N, _N, _P],
    "heddle_sample_graph_free": [_P],
    "heddle_sample_new": [_P, _P],
    "heddle_sample_free": [_P],
    "heddle_neighbor_sample": [_P, _P, _P],
    "heddle_budget_sample": [_P, _P, _P],
    "heddle_sample_sizes": [_P, _P, _P],
    "heddle_sample_read": [_P, _P, _P, _P, _P, _P, _N, _N],
    "heddle_random_walk": [_P, _P, _P, _N, _N, _D, _D, ctypes.c_uint64, _N, _N],
}

for _name, _types in _ARGUMENTS.items():
    getattr(native, _name).argtypes = _types
for _name in ("heddle_sample_graph_free", "heddle_sample_free"):
    getattr(native, _name).restype = None


def check(status: int) -> None:
    """Raise what a native status other than 0 means."""
    if status:
        raise_error(status)
