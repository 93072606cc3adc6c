"""Ops on the edges of a walk: sums, products at both ends, what attains a maximum, an MLP of edges."""

from heddle_kernels.calls.describe import WALK, Device, Handler, Op, Operator, inputs, outputs, sizes

_ROWS = {"rows": "rows_of(indptr) - 1", "edges": "rows_of(ids)", "index": "index_of(indptr)"}

SPMM = Op(
    "spmm",
    """out[r] = reduce over j in row r of weight[perm[j]] x[ids[j]]. x [x_rows, heads * width], weight [edges, heads]
    or NULL, out [rows, heads * width]. MEAN divides by the row's edges.""",
    inputs("indptr ids? perm? weight? x")
    + outputs("out")
    + sizes("rows edges x_rows heads width dtype index reduce threads"),
    cuda=Device(
        "edges columns dtype",
        doc="""heddle_spmm on a device. Rows of many edges are shared among groups of threads, by way of the workspace,
    here and in spmm_argmax; `columns` are heads times width.""",
    ),
    handlers=(
        Handler(
            "indptr ids perm?permuted weight?weighted x",
            "out",
            "reduce counted",
            _ROWS
            | {
                "ids": "counted ? NOTHING : ids.data",
                "edges": "counted ? rows_of(x) : rows_of(ids)",
                "x_rows": "rows_of(x)",
                "heads": "weighted ? columns_of(weight) : 1",
                "width": "weighted ? columns_of(x, weight.rank) : columns_of(x)",
                "dtype": "dtype_of(x)",
            },
        ),
    ),
    operators=(
        Operator("spmm", f"{WALK}, Tensor? weight, Tensor x, str reduce, bool transpose"),
        Operator("spmm_max", f"{WALK}, Tensor? weight, Tensor x, bool transpose"),
        Operator("edge_sum", f"{WALK}, Tensor data, bool at_senders"),
    ),
)

SDDMM = Op(
    "sddmm",
    """Per edge and head, from its row of a [rows, heads * width] and its other end in b [b_rows, heads * width]:
    DOT: out [edges, heads], the product summed over width; ADD: out [edges, heads * width].""",
    inputs("indptr ids a b")
    + outputs("out")
    + sizes("rows edges b_rows heads width dtype index combine threads"),
    cuda=Device(),
    handlers=(
        Handler(
            "indptr ids a b",
            "out",
            "combine",
            _ROWS
            | {
                "b_rows": "rows_of(b)",
                "heads": "combine == HEDDLE_ADD ? 1 : columns_of(out)",
                "width": "combine == HEDDLE_ADD ? columns_of(b) : b.dims[b.rank - 1]",
                "dtype": "dtype_of(b)",
            },
        ),
    ),
    operators=(Operator("sddmm", f"{WALK}, Tensor x, Tensor y, str op"),),
)

SPMM_ARGMAX = Op(
    "spmm_argmax",
    """The same two over the elements that attain a maximum: those where weight[e] x[sender] == largest[receiver], NaN
    equal to NaN, with largest the result of heddle_spmm(MAX). They are its derivatives. Rows of the walk are receivers,
    or senders if `transposed`, and ids the other end; x and b have a row per sender, largest and a one per receiver.
    out[r] = sum over attaining elements of factor[perm[j]] value[ids[j]]; factor, value NULL for ones.""",
    inputs("indptr ids perm? weight? x largest factor? value?")
    + outputs("out")
    + sizes("rows edges other_rows heads width transposed dtype index threads"),
    cuda=Device(shared_workspace="spmm"),
    handlers=(
        Handler(
            "indptr ids perm?permuted weight?weighted x largest factor?factored value?valued",
            "out",
            "transposed",
            _ROWS
            | {
                "other_rows": "transposed ? rows_of(largest) : rows_of(x)",
                "heads": "weighted ? columns_of(weight) : 1",
                "width": "weighted ? columns_of(x, weight.rank) : columns_of(x)",
                "dtype": "dtype_of(x)",
            },
        ),
    ),
    operators=(
        Operator(
            "spmm_argmax",
            f"{WALK}, Tensor? weight, Tensor x, Tensor largest, Tensor? factor, Tensor? value, bool reverse, "
            "bool adjoint",
        ),
    ),
)

SDDMM_ARGMAX = Op(
    "sddmm_argmax",
    "out[j, head] = sum over attaining elements of a[receiver] b[sender].",
    inputs("indptr ids weight x largest a b")
    + outputs("out")
    + sizes("rows edges other_rows heads width transposed dtype index threads"),
    cuda=Device(),
    handlers=(
        Handler(
            "indptr ids weight x largest a b",
            "out",
            "transposed",
            _ROWS
            | {
                "other_rows": "transposed ? rows_of(largest) : rows_of(x)",
                "heads": "columns_of(weight)",
                "width": "columns_of(x, weight.rank)",
                "dtype": "dtype_of(x)",
            },
        ),
    ),
    operators=(
        Operator(
            "sddmm_argmax",
            f"{WALK}, Tensor weight, Tensor x, Tensor largest, Tensor a, Tensor b, bool reverse",
        ),
    ),
)

_MLP = {
    "rows": "rows_of(indptr) - 1",
    "index": "index_of(indptr)",
    "n_edges": "rows_of(edges)",
    "sent_rows": "rows_of(sent)",
    "in_dim": "edges.dims[1]",
    "hidden": "second.dims[0]",
    "width": "second.dims[1]",
    "dtype": "dtype_of(second)",
}
_MLP_SIZES = sizes("rows n_edges sent_rows in_dim hidden width dtype index threads")

EDGE_MLP = Op(
    "edge_mlp",
    """Edges through an MLP: out[j] = relu(edges[j] first + received[r] + sent[ids[j]]) second + bias for j in row r,
    and total[r] their sum. edges [edges, in_dim], first [in_dim, hidden], received [rows, hidden], sent [sent_rows,
    hidden], second [hidden, width], bias [width], out [edges, width], total [rows, width]. in_dim may be 0. Floats
    of 32 and 64 bits.""",
    inputs("indptr ids edges first received sent second bias") + outputs("out total") + _MLP_SIZES,
    handlers=(Handler("indptr ids edges first received sent second bias", "out total", "", _MLP, ("cpu",)),),
)

EDGE_MLP_GRAD = Op(
    "edge_mlp_grad",
    """Its gradient, from those of out, of total, and of the sum of out by ids (the last two may be NULL). d_hidden
    [edges, hidden], the gradient before the activation, may lie on d_out if hidden = width; its sum by ids is that
    of sent. d_edges may be NULL. The same answer for any number of threads.""",
    inputs("indptr ids edges first received sent second d_out d_total? d_sent_total?")
    + outputs("d_hidden d_edges? d_received d_first d_second d_bias")
    + _MLP_SIZES,
    handlers=(
        Handler(
            "indptr ids edges first received sent second d_out d_total?by_receiver d_sent_total?by_sender",
            "d_hidden d_received d_first d_second d_bias d_edges?to_edges",
            "",
            _MLP,
            ("cpu",),
        ),
    ),
)

OPS = (SPMM, SDDMM, EDGE_MLP, EDGE_MLP_GRAD, SPMM_ARGMAX, SDDMM_ARGMAX)
