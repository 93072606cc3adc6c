"""The sampler's native test under the thread sanitizer, and under those of addresses and undefined behaviour."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

NATIVE = Path(__file__).resolve().parents[1] / "native"
SOURCES = [*sorted((NATIVE / "src/sample").glob("*.cpp")), NATIVE / "src/pool.cpp", NATIVE / "src/status.cpp"]


@pytest.mark.slow
@pytest.mark.parametrize("sanitizer", ["thread", "address,undefined"])
def test_the_sampler_is_clean(sanitizer, tmp_path):
    compiler = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++")
    if compiler is None:
        pytest.skip("found no C++ compiler (CXX, c++, g++)")
    flags = ["-std=c++17", "-O1", "-g", f"-fsanitize={sanitizer}", "-fno-omit-frame-pointer", "-pthread"]
    folders = ["-I", str(NATIVE / "include"), "-I", str(NATIVE / "src")]
    program = tmp_path / "sample_test"
    probe = subprocess.run(
        [compiler, *flags, "-x", "c++", "-", "-o", program],
        input="int main() {}",
        capture_output=True,
        text=True,
    )
    if probe.returncode:
        pytest.skip(f"{compiler} has no -fsanitize={sanitizer}: {probe.stderr.splitlines()[-1]}")
    sources = [*map(str, SOURCES), str(NATIVE / "tests/sample_test.cpp")]
    subprocess.run([compiler, *flags, *folders, *sources, "-o", program], check=True, timeout=600)
    done = subprocess.run([program], capture_output=True, text=True, timeout=600)
    assert (done.returncode, done.stderr) == (0, "")
