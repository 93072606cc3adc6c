"""The library itself: its threads under fork and under many callers, what importing a face imports."""

import multiprocessing
import re
import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest

import heddle_kernels.numpy as kernels
from heddle_kernels import library

IDS = np.arange(200_000) % 1000
DATA = np.ones((200_000, 4), np.float32)


def _total(queue=None, threads: int = 0) -> float:
    library.set_num_threads(threads)
    total = float(kernels.segment_sum(DATA, IDS, 1000).sum())
    if queue is not None:
        queue.put((total, library.num_threads()))
    return total


def test_threads_survive_a_fork():
    """A child forked after its parent used several threads can use its own; libgomp's would hang."""
    assert _total(threads=4) == 800_000
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    children = [context.Process(target=_total, args=(queue, 4)) for _ in range(3)]
    for child in children:
        child.start()
    assert [queue.get(timeout=60) for _ in children] == [(800_000.0, 4)] * 3
    for child in children:
        child.join(60)
    assert _total() == 800_000


def _threads(queue) -> None:
    queue.put(library.num_threads())


def test_a_forked_child_starts_with_one_thread():
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_threads, args=(queue,))
    child.start()
    assert queue.get(timeout=60) == 1
    child.join(60)


def test_many_callers_at_once():
    results = []
    callers = [
        threading.Thread(target=lambda: results.extend(_total(threads=3) for _ in range(20)))
        for _ in range(6)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(60)
    library.set_num_threads(0)
    assert results == [800_000.0] * 120


def test_settings_are_checked():
    with pytest.raises(ValueError, match="found -1, expected at least 0"):
        library.set_num_threads(-1)
    with pytest.raises(ValueError, match="found 'sse9', expected one that this processor has"):
        library.set_isa("sse9")


@pytest.mark.parametrize("face", ["numpy", "torch", "jax"])
def test_a_face_imports_its_own_framework_only(face):
    others = {"numpy": ("torch", "jax"), "torch": ("jax",), "jax": ("torch",)}[face]
    code = f"import sys, heddle_kernels.{face}; assert not set({others!r}) & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_it_is_linked_to_no_framework_and_no_python():
    """So one wheel serves every release of torch, JAX and Python."""
    readelf = shutil.which("readelf")
    if readelf is None:
        pytest.skip("readelf, of binutils, is not installed")
    command = [readelf, "-d", library.native.library._name]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    needed = re.findall(r"NEEDED.*\[(.*?)\]", listing)
    assert needed and not [
        name for name in needed if not re.match(r"(libc|libm|libpthread|libdl|ld-linux)", name)
    ]
