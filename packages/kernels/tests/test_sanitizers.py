"""The kernels' native test under the sanitizers of addresses and undefined behaviour, and as a build for any processor.

Instruction sets are those of this machine's architecture; without them the sources must do too, as on arm64.
"""

import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

NATIVE = Path(__file__).resolve().parents[1] / "native"
KERNELS = sorted((NATIVE / "src/simd").glob("*.cpp"))
ROOMS = ("src", "src/threads", "src/segments", "src/matmul")
OPS = [path for room in ROOMS for path in sorted((NATIVE / room).glob("*.cpp"))] + [
    NATIVE / "tests/kernels_test.cpp"
]
COMMON = ["-std=c++17", "-g1", "-pthread", "-Wno-psabi", "-Wno-ignored-attributes"]
COMMON += ["-I", str(NATIVE / "include"), "-I", str(NATIVE / "src")]
AVX2 = ["-mavx2", "-mfma", "-mf16c"]
AVX512 = [*AVX2, "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mprefer-vector-width=512"]
X86_SETS: dict[str, list[str]] = {"base": [], "avx2": AVX2, "avx512": AVX512}
QUICK = "-O0"
"""Builds in under half of -O1's time, and the tests are small."""
SANITIZERS = [QUICK, "-fsanitize=address,undefined", "-fno-omit-frame-pointer"]
TRAPS = ["-fsanitize-undefined-trap-on-error"]
"""Undefined behaviour ends the program without a word: the code that would say what it was takes half of the build."""


@pytest.fixture
def compiler() -> str:
    command = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++")
    if command is None:
        pytest.skip("found no C++ compiler (CXX, c++, g++)")
    return command


@pytest.fixture
def cross() -> str:
    command = shutil.which("aarch64-linux-gnu-g++")
    if command is None:
        pytest.skip("found no aarch64-linux-gnu-g++, the cross compiler for arm64")
    return command


def build(compiler: str, flags: Sequence[str], sets: dict[str, list[str]], folder: Path) -> Path:
    """Compile the sources, those of simd/ once for each instruction set, and link them with their test."""
    units = [(source, isa, extra) for isa, extra in sets.items() for source in KERNELS]
    units += [(source, "base", []) for source in OPS]

    def compiled(unit: tuple[Path, str, list[str]]) -> str:
        source, isa, extra = unit
        out = str(folder / f"{isa}.{source.stem}.{source.parent.name}.o")
        command = [compiler, *COMMON, *flags, f"-DHEDDLE_ISA={isa}", *extra, "-c", str(source), "-o", out]
        subprocess.run(command, check=True, timeout=600)
        return out

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compiled, units))
    program = folder / "kernels_test"
    subprocess.run([compiler, *flags, "-pthread", *objects, "-o", str(program)], check=True, timeout=600)
    return program


def run(program: Path, *before: str) -> subprocess.CompletedProcess[str]:
    """Run a test to its end."""
    return subprocess.run([*before, program], capture_output=True, text=True, timeout=600)


def printed(done: subprocess.CompletedProcess[str]) -> str:
    """Return what a test printed; it must have ended well and have nothing to say about faults."""
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.slow
def test_the_kernels_are_clean(compiler, tmp_path):
    probe = subprocess.run(
        [compiler, *SANITIZERS, "-x", "c++", "-", "-o", tmp_path / "probe"],
        input="int main() {}",
        capture_output=True,
        text=True,
    )
    if probe.returncode:
        pytest.skip(f"{compiler} has no {SANITIZERS[1]}: {probe.stderr.splitlines()[-1]}")
    x86 = platform.machine() in ("x86_64", "AMD64")
    flags, sets = [*SANITIZERS, *["-DHEDDLE_X86"] * x86], X86_SETS if x86 else {"base": []}
    done = run(build(compiler, [*flags, *TRAPS], sets, tmp_path))
    if done.returncode < 0:
        says = run(build(compiler, flags, sets, tmp_path)).stderr  # what and where
        pytest.fail(f"ended by signal {-done.returncode}; with messages: {says}")
    assert "ok" in printed(done)


@pytest.mark.slow
def test_without_instruction_sets_as_on_other_processors(compiler, tmp_path):
    text = printed(run(build(compiler, [QUICK], {"base": []}, tmp_path)))
    assert "without avx2" in text and "without avx512" in text and "ok" in text


@pytest.mark.slow
def test_arm64_compiles(cross):
    for source in (*KERNELS, *OPS):
        command = [cross, *COMMON, "-DHEDDLE_ISA=base", "-fsyntax-only", str(source)]
        subprocess.run(command, check=True, timeout=600)


@pytest.mark.prove
def test_the_kernels_are_right_on_arm64(cross, tmp_path):
    """By emulation."""
    emulator = shutil.which("qemu-aarch64") or shutil.which("qemu-aarch64-static")
    if emulator is None:
        pytest.skip("found no qemu-aarch64, which runs programs for arm64")
    assert "ok" in printed(run(build(cross, ["-O1", "-static"], {"base": []}, tmp_path), emulator))
