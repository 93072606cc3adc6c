"""ReferenceDiffusion: the diffusion convolution as DCRNN's own code computes it, which isn't what its paper says."""

from dataclasses import dataclass

from heddle.graph import Array
from heddle.layers.base import Supports
from heddle.layers.diffusion import DiffusionConv
from heddle.memo import Memo
from heddle.ops import GraphOps
from heddle.support import Support, aggregate
from heddle_torch.digest import counted_version


@dataclass(frozen=True)
class ReferenceDiffusion(DiffusionConv):
    """A DiffusionConv on transposed walks and by Chebyshev's recurrence, whose x_0 goes on from one walk to the next.

    For each walk P of P_o^T, P_i^T: x_1 = P x_0, then x_k = 2 P x_(k-1) - x_(k-2); the second walk starts from x, yet
    its x_0 in the recurrence is the last but one term of the first walk.

    Source: the function _gconv and the supports of github.com/liyaguang/DCRNN, model/dcrnn_cell.py.
    """

    def aggregate(self, ops: GraphOps, supports: Supports, x: Array) -> tuple[Array, ...]:
        terms, before = [], x
        for spec in self.specs() if self.steps else ():
            support = supports[spec.signature]
            last = _transposed(ops, support, before)
            terms.append(last)
            for _ in range(1, self.steps):
                last, before = 2 * _transposed(ops, support, last) - before, last
                terms.append(last)
        return tuple(terms)

    def apply(self, ops, params, supports, x, dropout=None):
        return self.update(ops, params, x, self.aggregate(ops, supports, x))


_TRANSPOSED = Memo(version=counted_version)


def _transposed(ops: GraphOps, support: Support, x: Array) -> Array:
    """Apply the transpose of a support, which is made once for as long as the support lives."""
    a, weight = support.adjacency, support.weight

    def make() -> Support:
        turned = a._replace(
            senders=a.t_receivers,
            receivers=ops.gather(a.senders, a.t_order),
            indptr=a.t_indptr,
            order=ops.gather(a.order, a.t_order),
            t_receivers=a.senders,
            t_indptr=a.indptr,
            t_order=ops.xp.astype(ops.xp.argsort(a.t_order), a.t_order.dtype),
        )
        return Support(turned, ops.gather(weight, a.t_order))

    return aggregate(ops, _TRANSPOSED.get((*a, weight), None, make), x)
