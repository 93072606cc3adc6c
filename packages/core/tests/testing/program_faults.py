"""Faults of programs, each with the test of the kit that must catch it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from heddle.engines.functional import dropout_of
from heddle.errors import CheckpointError
from heddle.nn.layers.base import Dropout, no_dropout
from heddle.nn.model import Model
from heddle.ops.reference import NumpyOps
from heddle.testing.reference_backend import ReferenceBackend
from heddle.testing.suites.program import ProgramSuite

from .faulty import with_members, with_optim, with_program


@dataclass(frozen=True)
class _Redropped(Model):
    """A model that is trained with another dropout than the engine's."""

    change: Callable[[Dropout], Dropout] = lambda dropout: dropout

    def apply(self, ops, params, batch, dropout=no_dropout):
        return super().apply(
            ops, params, batch, no_dropout if dropout is no_dropout else self.change(dropout)
        )


def _with_dropout(change: Callable[[Dropout], Dropout]) -> ReferenceBackend:
    class Faulty(ReferenceBackend):
        def program(self, model, task, optim):
            return super().program(_Redropped(model.encoder, model.head, change), task, optim)

    return Faulty()


class _DropsAtPredict(ReferenceBackend):
    def program(self, model, task, optim):
        rng = np.random.default_rng(0)

        def predict(state, batch):
            return model.apply(self.ops(), state.params, batch, dropout_of(self.ops(), rng))

        return super().program(model, task, optim)._replace(predict=predict)


def _weights_of(arrays):
    return {name: value for name, value in arrays.items() if name.startswith("params/")}


def _forgets(field: str):
    """Return a change of Program after which a resumed State has a fresh one's `field`."""

    def change(program):
        def from_arrays(arrays):
            fresh = program.from_arrays(_weights_of(arrays))
            return program.from_arrays(arrays)._replace(**{field: getattr(fresh, field)})

        return program._replace(from_arrays=from_arrays)

    return change


def _never_refuses(program):
    def from_arrays(arrays):
        try:
            return program.from_arrays(arrays)
        except CheckpointError:
            return program.init(0)

    return program._replace(from_arrays=from_arrays)


def _keeps_given_arrays(program):
    def from_arrays(arrays):
        state = program.from_arrays(arrays)
        return state._replace(params={name: arrays[f"params/{name}"] for name in state.params})

    return program._replace(from_arrays=from_arrays)


def _hands_out_its_own_arrays(program):
    """Train in place, and return the very weights that go on being trained."""

    def step(state, batch):
        after, metrics = program.step(state, batch)
        for name, value in after.params.items():
            state.params[name][...] = value
        return after._replace(params=state.params), metrics

    def to_arrays(state):
        return program.to_arrays(state) | {f"params/{name}": value for name, value in state.params.items()}

    return program._replace(step=step, to_arrays=to_arrays)


def _unmasked(program):
    def device_put(batch):
        return program.place(batch._replace(mask=np.ones_like(batch.mask)))

    return program._replace(place=device_put)


def _unweighted(program):
    def device_put(batch):
        return program.place(batch._replace(weights=None))

    return program._replace(place=device_put)


def _uphill(program):
    return program._replace(init=lambda seed: program.set_lr(program.init(seed), -0.05))


def _drawn_anew(program):
    def init(seed):
        state = program.init(seed)
        rng = np.random.default_rng(seed)
        return state._replace(
            params={k: rng.random(v.shape).astype(v.dtype) for k, v in state.params.items()}
        )

    return program._replace(init=init)


def _program_fault(change, test: str, **kwargs: Any):
    return lambda: with_program(change), ProgramSuite, test, kwargs


def _optim_fault(change, name: str):
    return lambda: with_optim(change), ProgramSuite, "test_first_updates", {"name": name}


def _dropout_fault(change, test: str):
    return lambda: _with_dropout(change), ProgramSuite, test, {}


_GLOBAL = np.random.default_rng()
_RESUMED = ("test_a_resumed_run_goes_on_to_the_bit", {"optim": "adam", "steps": 2})

PROGRAM_FAULTS = {
    "init draws numbers of its own": _program_fault(
        _drawn_anew, "test_init_draws_what_every_engine_draws", seed=7
    ),
    "init ignores the seed": _program_fault(
        lambda p: p._replace(init=lambda seed: p.init(0)), "test_the_same_seed_gives_the_same_bits"
    ),
    "training goes uphill": _program_fault(
        _uphill, "test_step_reports_the_loss_and_lowers_it", name="node_classification"
    ),
    "embed returns the outputs": _program_fault(
        lambda p: p._replace(embed=p.predict), "test_predict_and_embed", name="link_prediction"
    ),
    "hidden targets count": _program_fault(_unmasked, "test_hidden_targets_do_not_matter"),
    "weights of rows are lost": _program_fault(
        _unweighted, "test_step_reports_the_loss_and_lowers_it", name="weighted_values"
    ),
    "place shares memory": _program_fault(
        lambda p: p._replace(place=lambda batch: batch), "test_place_copies"
    ),
    "set_lr does nothing": _program_fault(
        lambda p: p._replace(set_lr=lambda state, lr: state), "test_set_lr"
    ),
    "dropout at predict": (lambda: _DropsAtPredict(), ProgramSuite, "test_dropout_is_for_training_alone", {}),
    "no dropout in training": _dropout_fault(lambda d: no_dropout, "test_dropout_is_for_training_alone"),
    "dropout without scaling": _dropout_fault(
        lambda d: lambda x, rate: d(x, rate) * (1 - rate), "test_dropout_keeps_the_mean"
    ),
    "dropout from a global generator": _dropout_fault(
        lambda d: dropout_of(NumpyOps(), _GLOBAL), "test_the_same_seed_gives_the_same_bits"
    ),
    "moments are lost": _program_fault(_forgets("moments"), _RESUMED[0], **_RESUMED[1]),
    "the learning rate is lost": _program_fault(_forgets("lr"), _RESUMED[0], **_RESUMED[1]),
    "the random state is lost": _program_fault(_forgets("seed"), _RESUMED[0], **_RESUMED[1]),
    "from_arrays shares memory": _program_fault(_keeps_given_arrays, _RESUMED[0], **_RESUMED[1]),
    "to_arrays shares memory": _program_fault(_hands_out_its_own_arrays, _RESUMED[0], **_RESUMED[1]),
    "weights that don't fit start anew": _program_fault(_never_refuses, "test_arrays_that_do_not_fit"),
    "an unknown optimiser is adam": (
        lambda: with_optim(lambda optim: {**optim, "name": "adam"}),
        ProgramSuite,
        "test_unknown_optimiser",
        {},
    ),
    "weight decay on everything": _optim_fault(
        lambda optim: {**optim, "weight_decay_on": "*"}, "adam/weight_decay_on"
    ),
    "no weight decay": _optim_fault(lambda optim: {**optim, "weight_decay": 0}, "sgd/weight_decay"),
    "adamw decays as adam does": _optim_fault(lambda optim: {**optim, "name": "adam"}, "adamw"),
    "no clipping": _optim_fault(lambda optim: {**optim, "clip_norm": None}, "adam/clip_norm"),
    "betas are ignored": _optim_fault(lambda optim: {**optim, "betas": None}, "adam/betas"),
    "eps is ignored": _optim_fault(lambda optim: {**optim, "eps": None}, "adam"),
    "momentum is ignored": _optim_fault(lambda optim: {**optim, "momentum": None}, "sgd/momentum"),
    "anything passes for a model": (
        lambda: with_members(program=lambda model, task, optim: None),
        ProgramSuite,
        "test_a_model_it_cannot_train",
        {},
    ),
}
