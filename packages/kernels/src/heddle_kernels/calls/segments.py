"""Ops on rows and segments: gather, reductions, softmax, sorting, partition."""

from heddle_kernels.calls.describe import Device, Handler, Op, Operator, inputs, outputs, sizes, typed

GATHER = Op(
    "gather",
    "out[i] = x[ids[i]]: x [x_rows] and out [count] of row_bytes bytes each.",
    inputs("ids x") + outputs("out") + sizes("count x_rows row_bytes index threads"),
    cuda=Device(),
    handlers=(
        Handler(
            "ids x",
            "out",
            "row_bytes",
            {"count": "rows_of(ids)", "x_rows": "rows_of(x)", "index": "index_of(ids)"},
        ),
    ),
    operators=(Operator("gather", "Tensor x, Tensor index"),),
)

SEGMENT_REDUCE = Op(
    "segment_reduce",
    """out [segments, width] = reduce of the rows of data [count, width] by ids [count], in any order; sorted ids are
    faster.""",
    inputs("ids data") + outputs("out") + sizes("count segments width dtype index reduce threads"),
    handlers=(
        Handler(
            "ids data",
            "out",
            "reduce",
            {
                "count": "rows_of(data)",
                "segments": "rows_of(out)",
                "width": "columns_of(data)",
                "dtype": "dtype_of(data)",
                "index": "index_of(ids)",
            },
            ("cpu",),
        ),
    ),
    operators=(Operator("segment_reduce", "Tensor data, Tensor segment_ids, SymInt num_segments, str how"),),
)

_WALK = inputs("indptr perm?")
_ON_DEVICE = sizes("count segments width dtype index")


def _softmax(data: str, count: str) -> dict[str, str]:
    return {
        "count": f"rows_of({data})",
        "segments": count,
        "width": f"columns_of({data})",
        "dtype": f"dtype_of({data})",
    }


SEGMENT_SOFTMAX = Op(
    "segment_softmax",
    "Softmax of data [count, width] down each column within segments; a segment of -inf alone gives 0.",
    inputs("ids data") + outputs("out") + sizes("count segments width dtype index threads"),
    cuda=Device(
        "count segments width dtype",
        arguments=_WALK + inputs("data") + outputs("out") + _ON_DEVICE,
        doc="""Segments as a walk: segment s holds the rows perm[j], or j, for j from indptr[s] to indptr[s + 1]; the
    same sums on every run. A reduction is heddle_cuda_spmm with ids = perm.""",
    ),
    handlers=(
        Handler(
            "ids data", "out", "segments", _softmax("data", "segments") | {"index": "index_of(ids)"}, ("cpu",)
        ),
        Handler(
            "indptr data",
            "out",
            "",
            _softmax("data", "rows_of(indptr) - 1") | {"index": "index_of(indptr)", "perm": "NOTHING"},
            ("cuda",),
            "edge_softmax",
        ),
    ),
    operators=(
        Operator("segment_softmax", "Tensor data, Tensor segment_ids, Tensor? indptr, SymInt num_segments"),
    ),
)

SEGMENT_SOFTMAX_GRAD = Op(
    "segment_softmax_grad",
    "Its gradient: out = y (grad - sum over the segment of y grad), for y the softmax.",
    inputs("ids y grad") + outputs("out") + sizes("count segments width dtype index threads"),
    cuda=Device(
        shared_workspace="segment_softmax",
        arguments=_WALK + inputs("y grad") + outputs("out") + _ON_DEVICE,
    ),
    handlers=(
        Handler(
            "ids y grad", "out", "segments", _softmax("y", "segments") | {"index": "index_of(ids)"}, ("cpu",)
        ),
        Handler(
            "indptr y grad",
            "out",
            "",
            _softmax("y", "rows_of(indptr) - 1") | {"index": "index_of(indptr)", "perm": "NOTHING"},
            ("cuda",),
            "edge_softmax_grad",
        ),
    ),
    operators=(
        Operator(
            "segment_softmax_grad",
            "Tensor y, Tensor grad, Tensor segment_ids, Tensor? indptr, SymInt num_segments",
        ),
    ),
)

SUM_ROWS = Op(
    "sum_rows",
    """out[r] = sum over j in row r of weight[j] kept(x[ids[j]]): x [x_rows, width], weight [edges] or NULL. Of each row
    i of x the same elements are 0 wherever it is read: column c, if 16 bits of stream (key, i), those of its word
    c / 4, are less than `dropped`; the others are multiplied by 65536 / (65536 - dropped).""",
    inputs("indptr ids weight? x")
    + outputs("out")
    + sizes("rows edges x_rows width dropped")
    + typed("uint64_t", "key")
    + sizes("dtype index threads"),
)

PARTITION = Op(
    "partition",
    """owner [nodes] int32 of each node of an undirected graph, its edges from both sides in rows of `ends`: few edges
    run between parts, and none of the `parts` weighs more than `limit` in load [nodes] int64, where nodes are light
    enough.""",
    inputs("indptr ends load") + outputs("owner") + sizes("nodes edges parts limit index"),
)

INDEX_SORT = Op(
    "index_sort",
    "Stable sort of ids [count] in [0, values): order [count] and indptr [values + 1], of type `index`.",
    inputs("ids") + outputs("order indptr") + sizes("count values index threads"),
    operators=(Operator("index_sort", "Tensor index, SymInt num_values", "(Tensor, Tensor)"),),
)

BUILD_ADJACENCY = Op(
    "build_adjacency",
    "Both walks of a graph from its edge list: arrays of core's Adjacency, in its order, of type `index`.",
    inputs("senders receivers")
    + sizes("edges n_senders n_receivers")
    + outputs("sorted_senders sorted_receivers indptr order t_receivers t_indptr t_order")
    + sizes("index threads"),
)

OPS = (
    GATHER,
    SEGMENT_REDUCE,
    SEGMENT_SOFTMAX,
    SEGMENT_SOFTMAX_GRAD,
    SUM_ROWS,
    PARTITION,
    INDEX_SORT,
    BUILD_ADJACENCY,
)
