"""XLA's handlers on CUDA devices without a device: their operands, their workspace and their errors."""

import shutil
import subprocess
from pathlib import Path

import pytest

NATIVE = Path(__file__).resolve().parents[2] / "native"


def test_handlers_take_what_xla_gives(tmp_path):
    compiler = shutil.which("c++") or shutil.which("g++")
    if compiler is None:
        pytest.skip("found no C++ compiler (c++, g++)")
    sources = [NATIVE / "cuda/xla/handlers.cpp", NATIVE / "tests/xla_device_test.cpp"]
    folders = [f"-I{NATIVE / 'include'}", "-isystem", str(NATIVE / "third_party")]
    flags = [
        "-std=c++17",
        "-O1",
        "-Wall",
        "-Wextra",
        "-fsanitize=address,undefined",
        "-fno-sanitize-recover=all",
    ]
    program = tmp_path / "xla_device_test"
    subprocess.run([compiler, *flags, *folders, *map(str, sources), "-o", program], check=True, timeout=300)
    done = subprocess.run([program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
