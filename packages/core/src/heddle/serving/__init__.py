"""Serving: a trained model as a Triton model repository, and servers of it on this machine (extra `serve`).

- `served`: Served, a model as files with named inputs and outputs; `export`: of boosted trees and of engines' models
- `repository`: write_repository, Triton's layout, python or ngc flavour; `pbtxt`: config.pbtxt, checked offline
- `runtime`: what computes inside a server; `triton_model`: the same inside Triton's python backend; `local`: here
- `launch`: launch, a server as a process that ends with its launcher; `keeper`: who sees to that
- `triton`: the real Triton of nvidia-pytriton; `environment`: the environment it runs in, built and checked
- `http_server`, `protocol`: a small server of the Open Inference Protocol for where Triton can't run
- `client`: one request over HTTP or gRPC; `deploy`: `heddle deploy`'s steps
"""

from heddle.serving.client import infer
from heddle.serving.export import export_booster, export_model
from heddle.serving.launch import Running, launch
from heddle.serving.local import LocalModel
from heddle.serving.repository import write_repository
from heddle.serving.served import Served, Spec

__all__ = [
    "LocalModel",
    "Running",
    "Served",
    "Spec",
    "export_booster",
    "export_model",
    "infer",
    "launch",
    "write_repository",
]
