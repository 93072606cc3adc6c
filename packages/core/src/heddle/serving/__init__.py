"""Serving: a trained model as a Triton model repository, and servers of it on this machine (extra `serve`).

- `served`: Served, a model as files with named inputs and outputs; `export`: of boosted trees and of engines' models
- `repository`: write_repository, Triton's layout, python or ngc flavour; `pbtxt`: config.pbtxt, checked offline
- `runtime`: what computes inside a server; `triton_model`: the same inside Triton's python backend; `local`: here
- `running`: launch, a server as a process that ends with its launcher; `supervisor`: who sees to that
- `triton`: the real Triton of nvidia-pytriton; `environment`: the environment it runs in, built and checked
- `bundle`, `live`, `scoring`, `online`: `heddle serve`; `protocol`: tensors of the Open Inference Protocol
- `client`: one request over HTTP or gRPC; `deploy`: `heddle deploy`'s steps
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
