"""cache, msg_pass, update: message passing in two halves, of which the first can be kept, as in DynaGraph's API."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar

from torch import Tensor

from heddle.errors import GraphError
from heddle_dgl.aggregation import aggregation_of
from heddle_dgl.memo import active_memo
from heddle_dgl.ops import TorchOps
from heddle_dgl.structure import Structure

T = TypeVar("T")


class Messages:
    """What message passing gives, computed when it is first asked for."""

    def __init__(self, x: Tensor, key: Any, compute: Callable[[], Any]):
        self.x, self._key, self._compute = x, key, compute
        self._value: Any = None
        self._known = False

    def cache(self) -> "Messages":
        """Compute and keep them for the rest of the step; does nothing if they are cached already. Returns self.

        Outside of a step (`heddle_dgl.step`), and for what has no key (a user's own functions), they are computed when
        asked for, and not kept.
        """
        memo = active_memo()
        if memo is not None and self._key is not None and not self._known:
            self._value, self._known = memo.get(self.x, self._key, self._compute), True
        return self

    @property
    def value(self) -> Any:
        """The aggregated messages."""
        if not self._known:
            self._value, self._known = self._compute(), True
        return self._value


def msg_pass(
    graph: Any, x: Tensor, message: Any, reduce: Any = None, ops: TorchOps | None = None
) -> Messages:
    """Return the intermediate results of message passing, before any weight of the layer.

    Args:
        graph: a Structure, or a DGLGraph.
        x: [n_nodes, ..., d].
        message: a layer of core's with `aggregate`; with a DGLGraph, a message function such as `fn.copy_u("h", "m")`
            that reads the node field "h".
        reduce: with a DGLGraph, a reduce function such as `fn.sum("m", "out")`.

    Raises:
        GraphError: a graph and a message that don't go together.
    """
    if isinstance(graph, Structure):
        if not hasattr(message, "aggregate"):
            raise GraphError(
                f"msg_pass: found a {type(message).__name__}, expected a layer with aggregate and update; "
                "attention has parameters in its messages, call its apply instead"
            )
        own = ops or TorchOps(x.device)
        key = (graph.token, aggregation_of(message))
        return Messages(x, key, lambda: message.aggregate(own, graph.supports, x))
    if reduce is None or not hasattr(graph, "update_all"):
        raise GraphError(
            f"msg_pass: found a {type(graph).__name__}, expected a Structure, or a DGLGraph with message and reduce; "
            "make one with heddle_dgl.place_structure"
        )
    return Messages(x, _dgl_key(graph, message, reduce), lambda: _update_all(graph, x, message, reduce))


def update(layer: Any, params: Mapping[str, Tensor], messages: Messages) -> Tensor:
    """Return the layer's output from messages and the features they came from."""
    return layer.update(TorchOps(messages.x.device), params, messages.x, messages.value)


def cache(function: Callable[..., T]) -> Callable[..., T]:
    """Let a function of a tensor (and hashable arguments) answer once a step for the same tensor and arguments.

    Its first argument is the tensor; it does nothing if the answer is cached already. Outside of a step it computes.

    >>> import torch
    >>> from heddle_dgl.memo import step
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
        return memo.get(x, (function, *rest), lambda: function(x, *rest))

    return cached


def _dgl_key(graph: Any, message: Any, reduce: Any) -> Any:
    """Name a message passing on a DGLGraph by the graph itself and its functions; None for user-defined ones."""
    parts = [tuple(sorted(vars(udf).items())) if hasattr(udf, "name") else None for udf in (message, reduce)]
    weights = [graph.edata[name] for name in graph.edata]
    versions = tuple((id(w), w._version) for w in weights)
    return None if None in parts else (graph, versions, *parts)


def _update_all(graph: Any, x: Tensor, message: Any, reduce: Any) -> Tensor:
    with graph.local_scope():
        graph.ndata["h"] = x
        graph.update_all(message, reduce)
        return graph.ndata[reduce.out_field]
