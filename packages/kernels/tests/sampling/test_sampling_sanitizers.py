"""Native tests of what runs in threads, under the thread sanitizer and those of addresses and undefined behaviour."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

NATIVE = Path(__file__).resolve().parents[2] / "native"
SHARED = [*sorted((NATIVE / "src/threads").glob("*.cpp")), NATIVE / "src/status.cpp"]
RELATIONAL = [NATIVE / "src/csr.cpp", NATIVE / "src/isa.cpp", NATIVE / "src/simd/ids.cpp"]
LAYERS = [NATIVE / "src/simd/matmul.cpp", NATIVE / "src/simd/rows.cpp"]
SOURCES = {
    "sample": [
        *sorted(p for folder in ("sample", "live") for p in (NATIVE / "src" / folder).glob("*.cpp")),
        *LAYERS,
        *SHARED,
    ],
    "relational": [*sorted((NATIVE / "src/relational").rglob("*.cpp")), *RELATIONAL, *SHARED],
}


EFFORT = {"thread": "-O1", "address,undefined": "-O0"}
"""Sanitizer -> how the compiler optimises: whichever is built and run in less time, a run of threads being long."""


@pytest.mark.slow
@pytest.mark.parametrize("sanitizer", EFFORT)
@pytest.mark.parametrize("name", SOURCES)
def test_threads_are_clean(name, sanitizer, tmp_path):
    compiler = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++")
    if compiler is None:
        pytest.skip("found no C++ compiler (CXX, c++, g++)")
    flags = ["-std=c++17", EFFORT[sanitizer], "-g", f"-fsanitize={sanitizer}", "-pthread"]
    flags += ["-fno-omit-frame-pointer", "-fno-sanitize-recover=all", "-DHEDDLE_ISA=base", "-Wno-psabi"]
    folders = ["-I", str(NATIVE / "include"), "-I", str(NATIVE / "src")]
    program = tmp_path / f"{name}_test"
    probe = subprocess.run(
        [compiler, *flags, "-x", "c++", "-", "-o", program],
        input="int main() {}",
        capture_output=True,
        text=True,
    )
    if probe.returncode:
        pytest.skip(f"{compiler} has no -fsanitize={sanitizer}: {probe.stderr.splitlines()[-1]}")
    sources = [*map(str, SOURCES[name]), str(NATIVE / f"tests/{name}_test.cpp")]
    subprocess.run([compiler, *flags, *folders, *sources, "-ldl", "-o", program], check=True, timeout=600)
    done = subprocess.run([program], capture_output=True, text=True, timeout=600)
    assert (done.returncode, done.stderr) == (0, "")
