"""GraphOps: the primitives a backend implements, and what follows from them, written once."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import array_api_compat
import numpy as np

from heddle.graphs.adjacency import Adjacency
from heddle.graphs.graph import Array
from heddle.ops.erf import erf
from heddle.ops.relational.bundle import Bundle
from heddle.ops.relational.conv import relational_conv


class GraphOps:
    """Primitives on one library's arrays. A backend implements the first six and may override any other.

    Every op is differentiable in its float arguments. Ids are checked when a graph is validated, not here.
    """

    xp: Any
    """The array API namespace of the arrays, e.g. `array_api_compat.torch`."""

    # --- to be implemented ---

    def asarray(self, array: np.ndarray, like: Array | None = None) -> Array:
        """Return a numpy array as this library's array of the same shape (a copy or not).

        Args:
            like: whose device it goes to, and whose dtype floats get; None for the default device and the array's
                dtype.
        """
        raise NotImplementedError

    def stop_gradient(self, x: Array) -> Array:
        """Return x, of any shape, as a constant."""
        raise NotImplementedError

    def gather(self, x: Array, index: Array) -> Array:
        """Return rows of x: [n, ...], [e] int -> [e, ...]."""
        raise NotImplementedError

    def segment_sum(self, data: Array, segment_ids: Array, num_segments: int) -> Array:
        """Sum rows by segment: [e, ...], [e] int (any order) -> [num_segments, ...]; an empty segment gives 0."""
        raise NotImplementedError

    def segment_max(self, data: Array, segment_ids: Array, num_segments: int) -> Array:
        """Take the largest of each segment, elementwise: [e, ...], [e] int -> [num_segments, ...]; 0 for an empty one.

        Equal maxima share the gradient.
        """
        raise NotImplementedError

    def segment_matmul(self, lhs: Array, rhs: Array, group_sizes: np.ndarray) -> Array:
        """Multiply groups of rows by a matrix each: [n, k], [g, k, m], [g] ints that sum to n -> [n, m]."""
        raise NotImplementedError

    # --- fused where a backend can, derived here otherwise ---

    def multiply_by_each(self, x: Array, matrices: Array) -> Array:
        """Multiply the same rows by several matrices: [n, k], [g, k, m] -> [g, n, m]."""
        xp, (count, k, m) = self.xp, matrices.shape
        side_by_side = x @ xp.reshape(xp.permute_dims(matrices, (1, 0, 2)), (k, count * m))
        return xp.permute_dims(xp.reshape(side_by_side, (x.shape[0], count, m)), (1, 0, 2))

    def split(self, x: Array, sizes: Sequence[int]) -> Sequence[Array]:
        """Cut x [sum of sizes, ...] into groups of so many rows."""
        ends = np.cumsum([0, *sizes]).tolist()
        return [x[first:last] for first, last in pairwise(ends)]

    def spmm(self, adjacency: Adjacency, x: Array, weight: Array | None = None) -> Array:
        """Sum weighted sender rows by receiver: y[r] = sum over edges (s, r) of weight x[s].

        Args:
            x: [n_senders, ..., d].
            weight: None for ones, or [n_edges, ...] in the adjacency's order, matching the leading axes of x
                after the first: [n_edges] for all, [n_edges, heads] with x [n_senders, heads, d].

        Returns: [n_receivers, ..., d]; 0 for a receiver without edges.
        """
        messages = self.gather(x, adjacency.senders)
        if weight is not None:
            messages = messages * self.xp.reshape(weight, weight.shape + (1,) * (x.ndim - weight.ndim))
        return self.segment_sum(messages, adjacency.receivers, adjacency.n_receivers)

    def scaled_spmm(
        self, adjacency: Adjacency, x: Array, weight: Array | None = None, scale: Array | None = None
    ) -> Array:
        """Sum weighted sender rows by receiver and multiply each sum by the receiver's scale.

        Args:
            x, weight: as in `spmm`, x [n_senders, d].
            scale: [n_receivers], 1 / n_r for means; None for ones.

        Returns: [n_receivers, d]; 0 for a receiver without edges.
        """
        rows = self.spmm(adjacency, x, weight)
        return rows if scale is None else rows * self.xp.expand_dims(scale, axis=1)

    def matmul(self, x: Array, weight: Array) -> Array:
        """Multiply rows by a matrix: [..., k], [k, m] -> [..., m]; what a layer's linear maps go through."""
        return x @ weight

    def sddmm(self, adjacency: Adjacency, x: Array, y: Array, op: str) -> Array:
        """Combine both ends of each edge, in the adjacency's order.

        Args:
            x: [n_receivers, ...] and y: [n_senders, ...].
            op: "add": x[receiver] + y[sender], [n_edges, ...]; "dot": their product summed over the last axis.
        """
        left, right = self.gather(x, adjacency.receivers), self.gather(y, adjacency.senders)
        return left + right if op == "add" else self.xp.sum(left * right, axis=-1)

    def edge_sum(self, adjacency: Adjacency, data: Array, at: str) -> Array:
        """Sum [n_edges, ...] values, in the adjacency's order, by the "receivers" or the "senders" of their edges."""
        if at == "senders":
            return self.segment_sum(data, adjacency.senders, adjacency.n_senders)
        return self.segment_sum(data, adjacency.receivers, adjacency.n_receivers)

    def edge_mlp(
        self,
        adjacency: Adjacency,
        edges: Array | None,
        first: Array | None,
        received: Array,
        sent: Array,
        second: Array,
        bias: Array,
        by_sender: bool = False,
    ) -> tuple[Array, Array, Array | None]:
        """Take edges through an MLP of one hidden layer, and sum what comes out at both their ends.

        Args:
            edges, first: [n_edges, k], in the adjacency's order, and [k, hidden]; None for none.
            received, sent: [n_receivers, hidden] and [n_senders, hidden], what each end adds to the hidden layer.
            second, bias: [hidden, width] and [width].
            by_sender: whether to sum by sender.

        Returns: relu(edges first + received[r] + sent[s]) second + bias for each edge (s, r); its sum by receiver; its
        sum by sender, or None.
        """
        h = self.sddmm(adjacency, received, sent, "add")
        if edges is not None:
            h = h + self.matmul(edges, first)
        out = self.matmul(self.activate(h, "relu"), second) + self.xp.expand_dims(bias, axis=0)
        total = self.edge_sum(adjacency, out, "receivers")
        return out, total, self.edge_sum(adjacency, out, "senders") if by_sender else None

    def edge_softmax(self, adjacency: Adjacency, logits: Array) -> Array:
        """Normalise [n_edges, ...] logits over the edges that each receiver receives."""
        return self.segment_softmax(logits, adjacency.receivers, adjacency.n_receivers)

    def joint_softmax(self, adjacencies: Sequence[Adjacency], logits: Array, n_receivers: int) -> Array:
        """Normalise logits over the edges that each receiver receives by any of several adjacencies.

        Args:
            logits: [n_edges, ...], of one adjacency's edges after the other's.
        """
        receivers = self.xp.concat([adjacency.receivers for adjacency in adjacencies])
        return self.segment_softmax(logits, receivers, n_receivers)

    def relational_conv(
        self,
        bundles: Sequence[tuple[str, Bundle]],
        x: Mapping[str, Array | None],
        weights: Array | Sequence[Array],
        roots: Mapping[str, Array],
        biases: Mapping[str, Array],
        activation: str = "none",
        order: Array | None = None,
    ) -> dict[str, Array]:
        """Return y[t] = activation of x[t] roots[t] + biases[t] + sum over relations r into t of A_r x[s] W_r.

        Args:
            bundles: (source type, Bundle) of each bundle; each relation in one of them.
            x: node type -> [n_nodes, in_dim], or None for a type without features.
            weights: for each bundle [relations, in_dim, out_dim], or those of all bundles in one array.
            roots: node type -> [in_dim, out_dim]; types of x.
            biases: node type -> [out_dim].
            activation: as in `activate`.
            order: [relations] int, the position of each relation in one array of weights; None for their order.

        Returns: node type -> [n_nodes, out_dim] for types with a root or a relation from a type of x.
        """
        return relational_conv(self, bundles, x, weights, roots, biases, activation, order)

    def segment_softmax(self, data: Array, segment_ids: Array, num_segments: int) -> Array:
        """Softmax within each segment, elementwise: [e, ...], [e] int below `num_segments` -> [e, ...].

        A segment of -inf alone gives 0, one with a NaN all NaN.
        """
        xp, wide = self.xp, self.widened(data)
        exps, _ = self._exponentials(wide, segment_ids, num_segments)
        total = self.segment_sum(exps, segment_ids, num_segments)
        total = xp.where(total == 0, xp.ones_like(total), total)
        shares = exps / self.gather(total, segment_ids)
        return shares if wide is data else xp.astype(shares, data.dtype)

    def segment_mean(self, data: Array, segment_ids: Array, num_segments: int) -> Array:
        """Average rows by segment: [e, ...], [e] int -> [num_segments, ...]; an empty segment gives 0."""
        wide = self.widened(data)
        count = self._count(wide, segment_ids, num_segments)
        mean = self.segment_sum(wide, segment_ids, num_segments) / count
        return mean if wide is data else self.xp.astype(mean, data.dtype)

    def segment_min(self, data: Array, segment_ids: Array, num_segments: int) -> Array:
        """Take the smallest of each segment, elementwise: [e, ...], [e] int -> [num_segments, ...]; 0 for an empty one.

        Equal minima share the gradient.
        """
        return -self.segment_max(-data, segment_ids, num_segments)

    def segment_std(self, data: Array, segment_ids: Array, num_segments: int, eps: float = 1e-5) -> Array:
        """Return the standard deviation of each segment, elementwise: [e, ...], [e] int -> [num_segments, ...].

        It is sqrt(variance + eps), so that its gradient is finite at variance 0; sqrt(eps) for an empty segment.
        """
        wide = self.widened(data)
        centred = wide - self.gather(self.segment_mean(wide, segment_ids, num_segments), segment_ids)
        deviation = self.xp.sqrt(self.segment_mean(centred * centred, segment_ids, num_segments) + eps)
        return deviation if wide is data else self.xp.astype(deviation, data.dtype)

    def segment_logsumexp(self, data: Array, segment_ids: Array, num_segments: int) -> Array:
        """Return the log of each segment's sum of exponentials, elementwise: [e, ...], [e] int -> [num_segments, ...].

        It doesn't overflow; an empty segment gives -inf.
        """
        xp, wide = self.xp, self.widened(data)
        exps, largest = self._exponentials(wide, segment_ids, num_segments)
        total = self.segment_sum(exps, segment_ids, num_segments)
        empty = total == 0  # "not total > 0" would hide a NaN
        log = xp.log(xp.where(empty, xp.ones_like(total), total)) + largest  # log(0) would make gradients NaN
        log = xp.where(empty, xp.full_like(log, -float("inf")), log)
        return log if wide is data else xp.astype(log, data.dtype)

    def degree(self, adjacency: Adjacency, like: Array) -> Array:
        """Count the edges each receiver receives: [n_receivers], in the dtype of `like`."""
        return self.xp.astype(adjacency.indptr[1:] - adjacency.indptr[:-1], like.dtype)

    def graph_ids(self, counts: Array, n_rows: int) -> Array:
        """Return the graph of each row, [n_rows] int, from [n_graphs] rows a graph; rows past the sum join the last."""
        ends = self.xp.cumulative_sum(counts)
        rows = self.xp.arange(n_rows, dtype=ends.dtype, device=array_api_compat.device(counts))
        if counts.shape[0] == 1:  # nothing to search, and nothing for XLA to fold at length
            return self.xp.zeros_like(rows)
        ids = self.xp.searchsorted(ends, rows, side="right")
        return self.xp.where(ids < counts.shape[0], ids, self.xp.full_like(ids, counts.shape[0] - 1))

    def activate(self, x: Array, name: str) -> Array:
        """Apply an activation by name, elementwise to x of any shape.

        Args:
            name: "none", "relu", "elu", "leaky_relu" (slope 0.2), "tanh", "sigmoid" or "gelu".

        Raises:
            ValueError: an unknown name.
        """
        xp = self.xp
        if name == "none":
            return x
        if name == "relu":
            return xp.where(x > 0, x, xp.zeros_like(x))
        if name == "elu":
            return xp.where(x > 0, x, xp.expm1(xp.where(x > 0, xp.zeros_like(x), x)))
        if name == "leaky_relu":
            return xp.where(x > 0, x, 0.2 * x)
        if name == "tanh":
            return xp.tanh(x)
        if name == "sigmoid":
            return 0.5 * (xp.tanh(0.5 * x) + 1)
        if name == "gelu":  # x times the normal distribution's function, not its approximation by tanh
            return 0.5 * x * (1 + erf(xp, x / 2**0.5))
        expected = "none, relu, elu, leaky_relu, tanh, sigmoid or gelu"
        raise ValueError(f"activation: found {name!r}, expected {expected}")

    def widened(self, x: Array) -> Array:
        """Return floats of 16 bits, of any shape, as float32, in which sums don't overflow; others as they are."""
        is_narrow = "float16" in str(x.dtype)  # bfloat16 too; the array API has no name for either
        return self.xp.astype(x, self.xp.float32) if is_narrow else x

    def _exponentials(self, data: Array, segment_ids: Array, num_segments: int) -> tuple[Array, Array]:
        """Return the exponentials of data less the largest of its segment, and these: 0 where none is finite."""
        largest = self.stop_gradient(self.segment_max(self.stop_gradient(data), segment_ids, num_segments))
        largest = self.xp.where(self.xp.isfinite(largest), largest, self.xp.zeros_like(largest))
        return self.xp.exp(data - self.gather(largest, segment_ids)), largest

    def _count(self, data: Array, segment_ids: Array, num_segments: int) -> Array:
        """Rows in each segment, at least 1, shaped to divide segment sums of `data`."""
        xp = self.xp
        ones = xp.ones_like(segment_ids, dtype=xp.int64)  # a sum of floats would stop growing
        count = self.segment_sum(ones, segment_ids, num_segments)
        count = xp.astype(xp.where(count > 0, count, xp.ones_like(count)), data.dtype)
        return xp.reshape(count, count.shape + (1,) * (data.ndim - 1))
