"""cache, msg_pass, update: message passing in two halves, of which the first can be kept, as in DynaGraph's API."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar

from torch import Tensor

from heddle.errors import GraphError
from heddle.nn.layers.base import Aggregates
from heddle_dgl.reuse.aggregation import aggregation_of
from heddle_dgl.reuse.keys import key_of, message_key
from heddle_dgl.reuse.placed_graph import PlacedGraph
from heddle_dgl.reuse.step_memo import active_memo
from heddle_torch.arrays.ops import TorchOps

T = TypeVar("T")


class Messages:
    """What message passing gives, computed when it is first asked for."""

    def __init__(self, x: Tensor, key: Any, compute: Callable[[], Any]):
        self.x, self._key, self._compute = x, key, compute
        self._value: Any = None
        self._known = False

    def cache(self) -> "Messages":
        """Compute and keep them for the rest of the step; does nothing if they are cached already. Returns self.

        Outside of a step (`heddle_dgl.step`), and where a user's own functions read what can't be looked into (see
        `heddle_dgl.reuse.keys`), they are computed when asked for, and not kept.
        """
        memo = active_memo()
        if memo is not None and self._key is not None and not self._known:
            self._value, self._known = memo.get((self.x,), self._key, self._compute), True
        return self

    @property
    def value(self) -> Any:
        """The aggregated messages, [n_nodes, ..., d]; of a layer with several terms, a tuple of these."""
        if not self._known:
            self._value, self._known = self._compute(), True
        return self._value


def msg_pass(
    graph: Any, x: Tensor, message: Any, reduce: Any = None, ops: TorchOps | None = None
) -> Messages:
    """Return the intermediate results of message passing, before any weight of the layer.

    Args:
        graph: a PlacedGraph, or a DGLGraph.
        x: [n_nodes, ..., d].
        message: a layer of core's with `aggregate`; with a DGLGraph, a message function such as `fn.copy_u("h", "m")`
            that reads the node field "h", or one of your own.
        reduce: with a DGLGraph, a reduce function such as `fn.sum("m", "out")`, or one of your own that makes one
            field.

    Raises:
        GraphError: a graph and a message that don't go together.
    """
    if isinstance(graph, PlacedGraph):
        if not isinstance(message, Aggregates):
            raise GraphError(
                f"msg_pass: found a {type(message).__name__}, expected a layer with aggregate and update; "
                "attention has parameters in its messages, call its apply instead"
            )
        used_ops = ops or TorchOps(x.device)
        of_x = key_of(x)
        key = None if of_x is None else (graph.token, aggregation_of(message), of_x)
        return Messages(x, key, lambda: message.aggregate(used_ops, graph.propagations, x))
    if reduce is None or not hasattr(graph, "update_all"):
        raise GraphError(
            f"msg_pass: found a {type(graph).__name__}, expected a PlacedGraph, or a DGLGraph with message and reduce; "
            "make one with heddle_dgl.place_graph"
        )
    return Messages(x, message_key(graph, x, message, reduce), lambda: _update_all(graph, x, message, reduce))


def update(layer: Any, params: Mapping[str, Tensor], messages: Messages) -> Tensor:
    """Return a layer's output [n_nodes, ..., out_dim] from messages and the features that they came from.

    Args:
        layer: the one that the messages are of, or one with an equal aggregation.
        params: of the layer.
        messages: what `msg_pass` returned.
    """
    return layer.update(TorchOps(messages.x.device), params, messages.x, messages.value)


def cache(function: Callable[..., T]) -> Callable[..., T]:
    """Let a function of a tensor (and other arguments) answer once a step for the same tensor and arguments.

    Its first argument is the tensor; it does nothing if the answer is cached already. It computes again when anything
    that it reads has changed (arguments, closure, globals, parameters, torch's modes), where it reads what can't be
    looked into (see `heddle_dgl.reuse.keys`), and outside of a step.

    >>> import torch
    >>> from heddle_dgl.reuse.step_memo import step
    >>> twice = cache(lambda x: 2 * x)
    >>> x = torch.ones(2)
    >>> with step():
    ...     twice(x) is twice(x)
    True
    """

    @wraps(function)
    def cached(x: Tensor, *rest: Any) -> T:
        memo = active_memo()
        if memo is None:
            return function(x, *rest)
        key = key_of(function, x, rest)
        return function(x, *rest) if key is None else memo.get((x,), key, lambda: function(x, *rest))

    return cached


def _update_all(graph: Any, x: Tensor, message: Any, reduce: Any) -> Tensor:
    """Return the node field that a reduce function makes of the messages."""
    with graph.local_scope():
        graph.ndata["h"] = x
        before = dict(graph._node_frames[0]._columns)
        graph.update_all(message, reduce)
        if hasattr(reduce, "out_field"):
            return graph.ndata[reduce.out_field]
        columns = graph._node_frames[0]._columns
        made = {name: graph.ndata[name] for name in columns if columns[name] is not before.get(name)}
        if len(made) != 1:
            raise GraphError(
                f"msg_pass: found a reduce function that makes {sorted(made) or 'no field'}, expected one node field; "
                "return a dict of one"
            )
        return next(iter(made.values()))
