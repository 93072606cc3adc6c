"""install: put this face where PyG looks for pyg-lib."""

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from heddle.errors import PluginError
from heddle_kernels.pyg_lib_api import operators, ops, sampler


def install() -> None:
    """Make PyG use Heddle's kernels wherever it would use pyg-lib, in this process; call it once, at any time.

    `pyg_lib` becomes importable and `torch.ops.pyg.*` callable, so that PyG's NeighborLoader, LinkNeighborLoader,
    Node2Vec, HeteroLinear and the like run; where torch-sparse isn't installed, so does HGTLoader. PyG's other uses of
    pyg-lib and torch-sparse stay as unavailable as they were.

    RGCNConv keeps its loop over relations unless `torch_geometric.backend.use_segment_matmul` is True: PyG's other
    way takes the mean over all relations together, and PyG would choose between the two by the size of the graph.

    Raises:
        PluginError: pyg-lib itself is installed.
    """
    face = sys.modules[__package__]
    if sys.modules.get("pyg_lib") is face:
        return
    if "pyg_lib" in sys.modules or find_spec("pyg_lib") is not None:
        raise PluginError(
            "install: found pyg-lib, expected none of it; uninstall pyg-lib or go without install()"
        )
    operators.register()
    sys.modules |= {"pyg_lib": face, "pyg_lib.ops": ops, "pyg_lib.sampler": sampler}
    if find_spec("torch_geometric") is not None:
        _tell_pyg(face)


def _tell_pyg(face: ModuleType) -> None:
    """Set what PyG noted of pyg-lib when it was imported, in every module that keeps a copy."""
    flags: dict[str, Any] = {
        "pyg_lib": face,
        "WITH_PYG_LIB": True,
        "WITH_GMM": hasattr(ops, "grouped_matmul"),
        "WITH_SEGMM": hasattr(ops, "segment_matmul"),
        "WITH_INDEX_SORT": True,
        "WITH_EDGE_TIME_NEIGHBOR_SAMPLE": True,
        "WITH_WEIGHTED_NEIGHBOR_SAMPLE": True,
    }
    hgt: Any = import_module("torch_geometric.sampler.hgt_sampler")
    backend: Any = import_module("torch_geometric.backend")
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] == "torch_geometric":
            for flag, value in flags.items():
                if flag in vars(module):
                    setattr(module, flag, value)
    hgt.WITH_TORCH_SPARSE = True  # this module's copy alone: nothing else of torch-sparse is here
    backend.use_segment_matmul_heuristic = _never


def _never(**_: int) -> bool:
    return False
