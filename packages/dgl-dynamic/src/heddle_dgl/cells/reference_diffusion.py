"""ReferenceDiffusion: the diffusion convolution as DCRNN's own code computes it, which isn't what its paper says."""

from dataclasses import dataclass

from heddle.graphs.graph import Array
from heddle.graphs.memo import Memo
from heddle.nn.layers.base import Propagations
from heddle.nn.layers.diffusion import DiffusionConv
from heddle.ops.graph_ops import GraphOps
from heddle.ops.propagation import Propagation, aggregate
from heddle_torch.digest import counted_version


@dataclass(frozen=True)
class ReferenceDiffusion(DiffusionConv):
    """A DiffusionConv on transposed walks and by Chebyshev's recurrence, whose x_0 goes on from one walk to the next.

    For each walk P of P_o^T, P_i^T: x_1 = P x_0, then x_k = 2 P x_(k-1) - x_(k-2); the second walk starts from x, yet
    its x_0 in the recurrence is the last but one term of the first walk.

    Source: the function _gconv and the propagations of github.com/liyaguang/DCRNN, model/dcrnn_cell.py.
    """

    def aggregate(self, ops: GraphOps, propagations: Propagations, x: Array) -> tuple[Array, ...]:
        terms, before = [], x
        for spec in self.specs() if self.steps else ():
            propagation = propagations[spec.signature]
            last = _transposed(ops, propagation, before)
            terms.append(last)
            for _ in range(1, self.steps):
                last, before = 2 * _transposed(ops, propagation, last) - before, last
                terms.append(last)
        return tuple(terms)

    def apply(self, ops, params, propagations, x, dropout=None):
        return self.update(ops, params, x, self.aggregate(ops, propagations, x))


_TRANSPOSED = Memo(version=counted_version)


def _transposed(ops: GraphOps, propagation: Propagation, x: Array) -> Array:
    """Apply the transpose of a propagation, which is made once for as long as the propagation lives."""
    a, weight = propagation.adjacency, propagation.weight

    def make() -> Propagation:
        turned = a._replace(
            senders=a.t_receivers,
            receivers=ops.gather(a.senders, a.t_order),
            indptr=a.t_indptr,
            order=ops.gather(a.order, a.t_order),
            t_receivers=a.senders,
            t_indptr=a.indptr,
            t_order=ops.xp.astype(ops.xp.argsort(a.t_order), a.t_order.dtype),
        )
        return Propagation(turned, ops.gather(weight, a.t_order))

    return aggregate(ops, _TRANSPOSED.get((*a, weight), None, make), x)
