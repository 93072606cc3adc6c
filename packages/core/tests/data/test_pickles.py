"""load_pickle: what it admits, as numpy and scipy write it, and that nothing else runs."""

import collections
import io
import os
import pickle
import re
import subprocess
import sys

import numpy as np
import pytest

from heddle.data.formats.pickles import Sparse, load_pickle
from heddle.errors import DataError

SENTENCE = re.compile(r".+: found .+, expected .+; .+")
ARRAYS = {
    "float32": np.arange(6, dtype=np.float32).reshape(2, 3),
    "big endian": np.arange(3, dtype=">i4"),
    "bool": np.array([True, False]),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "empty": np.empty((0, 4)),
    "scalar array": np.array(3.5),
    "text": np.array(["a", "bc"]),
    "bytes": np.array([b"a", b"bc"]),
    "strided": np.arange(10)[::3],
}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "file.pkl"


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", ARRAYS)
def test_arrays(file, name, protocol):
    file.write_bytes(pickle.dumps({"a": [ARRAYS[name]]}, protocol))
    read = np.asarray(load_pickle(file)["a"][0])
    assert read.dtype.newbyteorder("=") == ARRAYS[name].dtype.newbyteorder("=") and type(read) is np.ndarray
    np.testing.assert_array_equal(read, ARRAYS[name])


@pytest.mark.parametrize("protocol", range(6))
def test_plain_values(file, protocol):
    value = {
        "list": [1, 2.5, "x", None, True, b"bytes", 2**80, 1 + 2j],
        "tuple": (1, (2, ())),
        "set": {1, 2},
        "frozen": frozenset([3]),
        "default": collections.defaultdict(list, {1: [2]}),
        "ordered": collections.OrderedDict(b=1, a=2),
        "scalar": np.float32(1.5),
        "int": np.int64(-3),
    }
    file.write_bytes(pickle.dumps(value, protocol))
    read = load_pickle(file)
    assert read == value and read["default"]["new"] == []
    assert list(read["ordered"]) == ["b", "a"]


@pytest.mark.parametrize("module", ["numpy.core.multiarray", "numpy._core.multiarray"])
def test_module_names_before_and_after_numpy_2(file, module):
    data = pickle.dumps(np.arange(3), 2)
    data = re.sub(rb"cnumpy\.?_?core\.multiarray|cnumpy\._core\.multiarray", b"c" + module.encode(), data)
    assert module.encode() in data
    file.write_bytes(data)
    assert load_pickle(file).tolist() == [0, 1, 2]


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("shape", ["matrix", "array"])
@pytest.mark.parametrize("format", ["csr", "csc", "coo"])
def test_scipy_sparse(file, format, shape, protocol):
    sparse = pytest.importorskip("scipy.sparse")
    dense = np.array([[0, 2, 0], [3, 0, 0]], np.float32)
    file.write_bytes(pickle.dumps(getattr(sparse, f"{format}_{shape}")(dense), protocol))
    read = load_pickle(file)
    assert isinstance(read, Sparse) and read.format == format
    np.testing.assert_array_equal(read.toarray(), dense)


def sparse_of(**parts):
    read = Sparse()
    read.format = "csr"
    whole = {
        "shape": (2, 3),
        "indptr": np.array([0, 1, 2]),
        "indices": np.array([1, 0]),
        "data": np.array([2.0, 3.0]),
    }
    read.__setstate__(whole | parts)
    return read


def test_repeated_entries_add_up():
    assert sparse_of(indices=np.array([0, 0]), indptr=np.array([0, 2, 2])).toarray().tolist() == [
        [5, 0, 0],
        [0, 0, 0],
    ]


@pytest.mark.parametrize(
    "parts",
    [
        {"shape": (2, 1)},
        {"shape": (1, 3)},
        {"shape": (2,)},
        {"shape": None},
        {"shape": (10**9, 10**9)},
        {"shape": (-2, 3)},
        {"indices": np.array([1, -1])},
        {"indices": np.array([1, 5])},
        {"indices": np.array([1.0, 0.0])},
        {"indices": np.array([1])},
        {"indptr": np.array([0, 2, 1])},
        {"indptr": np.array([0, 1, 5])},
        {"indptr": None},
        {"data": np.array([1.0])},
        {"data": np.array(["a", "b"])},
        {"data": None},
    ],
)
def test_broken_sparse(parts):
    with pytest.raises(DataError) as error:
        sparse_of(**parts).toarray()
    assert SENTENCE.fullmatch(str(error.value))


class Calls:
    """Pickles as a call of `function(*args)`."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


def foreign(marker):
    """Return by name the pickles that would create `marker`, run code or build what isn't data."""
    touch = f"open({str(marker)!r}, 'w').close()"
    by_hand = {
        "instance of a class": b"(S'touch %s'\nios\nsystem\n." % str(marker).encode(),
        "global, then reduce": b"cposix\nsystem\n(S'touch %s'\ntR." % str(marker).encode(),
        "python 2 builtins": b"c__builtin__\neval\n(S'%s'\ntR." % touch.encode().replace(b"'", b"\\'"),
        "attribute of a module": b"\x80\x04\x8c\x02os\x8c\x0bpath.exists\x93\x8c\x01/\x85R.",
        "attribute of a type": b"\x80\x04\x8c\x08builtins\x8c\x0cdict.__class__\x93.",
        "persistent id": b"Pfile\n.",
        "extension": b"\x80\x02\x82\x01.",
        "rewritten function": b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n}X\x06\x00\x00\x00stolenK\x01sb.",
        "rewritten type": b"\x80\x02cnumpy\ndtype\nN}X\x08\x00\x00\x00__init__K\x01s\x86b.",
        "called array type": b"\x80\x02cnumpy\nndarray\n(K\x08\x85X\x01\x00\x00\x00Ot\x81.",
        "array of objects": pickle.dumps(np.array([{}, []], dtype=object), 2),
        "structured array": pickle.dumps(np.zeros(2, [("a", "f4"), ("b", "O")]), 2),
        "forged dtype": pickle.dumps(np.arange(2), 2).replace(b"X\x02\x00\x00\x00i8", b"X\x02\x00\x00\x00O8"),
        "array of a number": b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n)R(K\x01K\x01K\x01K\x01K\x01tb.",
        "object of a number": b"\x80\x02ccopy_reg\n_reconstructor\nK\x01c__builtin__\nobject\nN\x87R.",
        "scalar of nothing": b"\x80\x02cnumpy.core.multiarray\nscalar\nNN\x86R.",
    }
    calls = {
        "os.system": Calls(os.system, f"touch {marker}"),
        "subprocess": Calls(subprocess.Popen, ["touch", str(marker)]),
        "check_output": Calls(subprocess.check_output, ["touch", str(marker)]),
        "eval": Calls(eval, touch),
        "exec": Calls(exec, touch),
        "compile": Calls(compile, touch, "x", "exec"),
        "__import__": Calls(__import__, "antigravity"),
        "getattr": Calls(getattr, dict, "__class__"),
        "open": Calls(io.open, str(marker), "w"),
        "mkdir": Calls(os.mkdir, str(marker)),
        "exit": Calls(sys.exit, 0),
        "type": Calls(type, "T", (), {}),
        "map": Calls(map, eval, [touch]),
        "numpy.load": Calls(np.load, str(marker)),
        "numpy.save": Calls(np.save, str(marker), 1),
        "numpy.fromfile": Calls(np.fromfile, str(marker)),
        "memmap": Calls(np.memmap, str(marker), "u1", "w+", 0, (1,)),
        "nested pickle": Calls(pickle.loads, pickle.dumps(Calls(os.system, f"touch {marker}"))),
        "Counter": collections.Counter("abc"),
        "deque": collections.deque([1]),
        "exception": ValueError("x"),
        "a random generator": np.random.default_rng(0),
        "a function": os.getcwd,
        "a class": Calls,
        "an instance": re.compile("a"),
    }
    return by_hand | {name: pickle.dumps(value, 2) for name, value in calls.items()}


@pytest.mark.parametrize("name", list(foreign("marker")))
def test_foreign(file, tmp_path, name):
    """Nothing foreign is built or run, alone or deep inside a dataset's graph."""
    marker = tmp_path / "marker"
    payload = foreign(marker)[name]
    file.write_bytes(payload)
    with pytest.raises(DataError) as error:
        load_pickle(file)
    assert SENTENCE.fullmatch(str(error.value)), str(error.value)
    assert not marker.exists()


@pytest.mark.parametrize("part", ["x", "y", "tx", "ty", "allx", "ally", "graph"])
@pytest.mark.parametrize("name", ["os.system", "eval", "global, then reduce", "python 2 builtins"])
def test_foreign_in_planetoid(layouts, tmp_path, name, part):
    layouts["planetoid"].write(tmp_path)
    marker = tmp_path / "marker"
    (tmp_path / f"ind.toy.{part}").write_bytes(foreign(marker)[name])
    with pytest.raises(DataError, match=r"ind\.toy\.\w+: found the global"):
        layouts["planetoid"].read(tmp_path)
    assert not marker.exists()


def test_the_payloads_do_run_elsewhere(file, tmp_path):
    """The markers mean something: the standard unpickler creates them."""
    marker = tmp_path / "marker"
    for name in ("os.system", "eval", "global, then reduce", "python 2 builtins", "instance of a class"):
        pickle.loads(foreign(marker)[name])
        assert marker.exists(), name
        marker.unlink()


def test_named_in_the_error(file):
    file.write_bytes(pickle.dumps(Calls(os.system, "true")))
    with pytest.raises(
        DataError, match=r"found the global (posix|nt)\.system, expected numpy arrays.*don't open"
    ):
        load_pickle(file)


@pytest.mark.parametrize("share", range(1, 40))
def test_cut(file, share):
    """A pickle cut anywhere is refused."""
    data = pickle.dumps({"a": np.arange(50), "b": [1, 2, (3, 4)]}, 2)
    file.write_bytes(data[: len(data) * share // 40])
    with pytest.raises(DataError, match="cut or corrupt pickle"):
        load_pickle(file)


def test_a_rewriting_pickle_leaves_no_trace(file):
    """A pickle that tries to change what is admitted changes nothing for the next."""
    for name in ("rewritten function", "rewritten type"):
        file.write_bytes(foreign("marker")[name])
        with pytest.raises(DataError):
            load_pickle(file)
    file.write_bytes(pickle.dumps(np.arange(3), 2))
    assert load_pickle(file).tolist() == [0, 1, 2]
