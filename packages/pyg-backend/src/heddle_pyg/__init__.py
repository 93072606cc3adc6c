"""The PyG engine: PyTorch Geometric's containers, modules and samplers on Heddle. See README.md.

    import heddle, heddle_pyg

    conv = heddle_pyg.PortableModule(heddle.GCN(3, 4))  # a portable layer as an nn.Module
    conv(data)                                          # PyG's Data, HeteroData, or a Heddle graph

PygBackend                  the engine of `backend=pyg`; PygOptions: its keys
to_native, from_native      Graph to Data, HeteroGraph to HeteroData, and back, without loss
PortableModule              a portable layer or model as an nn.Module
RGCNConv                    torch_geometric's R-GCN without its loop over relations: same arguments, same weights
native_model                a user's own nn.Module for a model plugin: a NativeModel
PygNeighborSampler          Heddle's samples for PyG's loaders
HeteroModule, LinkPredictor, EdgePredictor, GraphPredictor, TorchNodeEmbedding
                            models of scripts: docs/scripts.md

torch is imported when one of these is used.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
