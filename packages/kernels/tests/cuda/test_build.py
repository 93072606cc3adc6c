"""The CUDA library compiles and exports its interface and nothing else.

`make test-all` builds it for sm_80 and sm_90a, since no source of ours asks which device it is for; `make prove` for
sm_90, sm_100 and PTX too.
"""

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from heddle_kernels.calls import tables
from heddle_kernels.cuda import library

PACKAGE = Path(__file__).parents[2]
ONE, ALL = "80", "80;90+ptx;100"
NAMED = {ONE: {"sm_80", "sm_90a"}, ALL: {"sm_80", "sm_90", "sm_90a", "sm_100", "compute_90"}}
"""What to build for, and what the library then says of itself: sm_90a goes without saying."""


def headers() -> str:
    """Return the folder of CUTLASS's headers, "" if there is none."""
    spec = importlib.util.find_spec("cutlass_library")
    folder = os.environ.get("HEDDLE_CUTLASS", "")
    if spec is not None and spec.submodule_search_locations:
        folder = folder or f"{spec.submodule_search_locations[0]}/source/include"
    return folder


@pytest.fixture(scope="module", params=[ONE, pytest.param(ALL, marks=pytest.mark.prove)])
def targets(request: pytest.FixtureRequest) -> str:
    """Give what to build for, as HEDDLE_CUDA_TARGETS has it."""
    return request.param


@pytest.fixture(scope="module")
def built(targets: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the library, or take the one that HEDDLE_CUDA_LIBRARY names.

    For one target every source is compiled, with less effort in ptxas, whose result isn't run here.
    """
    if given := os.environ.get("HEDDLE_CUDA_LIBRARY"):
        return Path(given)
    for tool in ("nvcc", "cmake"):
        if not shutil.which(tool):
            pytest.skip(f"found no {tool}")
    if not headers():
        pytest.skip("found no headers of CUTLASS; pip install nvidia-cutlass==4.2.0.0")
    folder = tmp_path_factory.mktemp("cuda_build")
    options = ["-DHEDDLE_CUDA=ON", f"-DHEDDLE_CUDA_TARGETS={targets}", f"-DHEDDLE_CUTLASS={headers()}"]
    if targets == ONE:
        options.append("-DHEDDLE_CUDA_FLAGS=--Ofast-compile=max")
    subprocess.run(["cmake", "-S", str(PACKAGE), "-B", str(folder), *options], check=True)
    build = ["cmake", "--build", str(folder), "--target", "heddle_kernels_cuda"]
    done = subprocess.run(
        [*build, "--parallel", str(os.cpu_count())], check=True, capture_output=True, text=True
    )
    assert "C7510" not in done.stdout + done.stderr, "ptxas serialises wgmma"
    return folder / "libheddle_kernels_cuda.so"


@pytest.mark.slow
def test_exports_are_the_interface(built: Path):
    listed = subprocess.run(
        ["nm", "-D", "--defined-only", str(built)], check=True, capture_output=True, text=True
    )
    assert {line.split()[-1] for line in listed.stdout.splitlines()} == {
        *(each.name for each in tables.ON_DEVICE),
        *tables.handlers_on("cuda"),
    }


@pytest.mark.slow
def test_it_loads_where_there_is_no_driver(built: Path, targets: str):
    needed = subprocess.run(["readelf", "-d", str(built)], check=True, capture_output=True, text=True).stdout
    assert not re.search(r"NEEDED.*(cuda|stdc\+\+)", needed)
    loaded = library.load(built)
    assert NAMED[targets] <= set(loaded.heddle_cuda_targets().decode().split())


@pytest.mark.slow
def test_arguments_are_checked_before_the_device(built: Path):
    loaded = library.load(built)
    assert loaded.heddle_cuda_spmm(*[None] * 5, None, 1, 1, 1, 1, 1, 9, 0, 0, None, 0, None, None) == 1
    assert "spmm: dtype: found 9, expected 0 to 3" in loaded.heddle_cuda_last_error().decode()
    assert (
        loaded.heddle_cuda_segment_matmul(*[None] * 5, 2**31, *[1] * 3, 0, 0, 0, 0, None, 0, None, None) == 1
    )
    assert "n: found 2147483648" in loaded.heddle_cuda_last_error().decode()
    assert loaded.heddle_cuda_spmm_workspace(512, 8, 0) == 0
    assert loaded.heddle_cuda_spmm(*[None] * 6, 1, 1024, 1, 1, 8, 0, 0, 0, None, 127, None, None) == 1
    assert "spmm: workspace: found 127 bytes, expected 128" in loaded.heddle_cuda_last_error().decode()
