"""NativeLearner: modules of PyG's kind, trained by the same Program as portable models."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor

from heddle.nn.model import Batch
from heddle_pyg.models.native_inputs import NativeInputs, native_inputs
from heddle_pyg.models.native_model import NativeModel, NativeModule
from heddle_torch.placement import Precision, to_device
from heddle_torch.train.learner import Learner, Training


class PlacedInputs(NamedTuple):
    """A batch on the device: the arguments of a module's forward, and its index, targets, mask and weights."""

    batch: Batch
    inputs: NativeInputs

    @property
    def targets(self) -> Any:
        return self.batch.targets

    @property
    def mask(self) -> Any:
        return self.batch.mask

    @property
    def divisor(self) -> Any:
        return self.batch.divisor

    @property
    def weights(self) -> Any:
        return self.batch.weights

    @property
    def groups(self) -> Any:
        return self.batch.groups


class NativeLearner(Learner):
    """Trains a NativeModel; its modules draw from torch's own generator, which a step sets to the State's.

    With precision bfloat16 torch's autocast chooses what is computed in it.
    """

    def __init__(self, model: NativeModel, device: torch.device, precision: Precision):
        self._model, self._device = model, device
        self._autocast = precision.compute if precision.compute != precision.weights else None
        self._precision = precision._replace(compute=precision.weights)
        self._names = [name for name, value in self.tensors(self.create(0)).items() if value.requires_grad]

    def names(self) -> list[str]:
        return self._names

    def create(self, seed: int) -> NativeModule:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self._model.module().to(self._device, self._precision.weights)

    def tensors(self, weights: NativeModule) -> dict[str, Tensor]:
        return {
            key: value
            for key, value in weights.state_dict(keep_vars=True).items()
            if isinstance(value, Tensor)
        }

    def place(self, batch: Batch) -> PlacedInputs:
        placed = to_device(batch, self._device, self._precision)
        like = torch.empty(0, device=self._device, dtype=self._precision.weights)
        return PlacedInputs(placed, native_inputs(placed, self._model.edge_features, like))

    def outputs(self, weights: NativeModule, placed: PlacedInputs, training: Training | None) -> Tensor:
        generator = None if training is None else training.generator
        if weights.training != (training is not None):
            weights.train(training is not None)
        with self._computing(), drawing_from(generator):
            return weights(placed.inputs, placed.batch).to(self._precision.weights)

    def embed(self, weights: NativeModule, placed: PlacedInputs) -> Any:
        weights.eval()
        with self._computing():
            return weights.encoder(placed.inputs)

    def _computing(self) -> torch.autocast:
        return torch.autocast(self._device.type, self._autocast, enabled=self._autocast is not None)


@contextmanager
def drawing_from(generator: torch.Generator | None) -> Iterator[None]:
    """Let torch's own generator of the device go on from `generator`, and `generator` from where that ends."""
    if generator is None:
        yield
        return
    if generator.device.type == "cuda":
        default_generator = torch.cuda.default_generators[generator.device.index or 0]
    else:
        default_generator = torch.default_generator
    kept = default_generator.get_state()
    default_generator.set_state(generator.get_state())
    try:
        yield
    finally:
        generator.set_state(default_generator.get_state())
        default_generator.set_state(kept)
