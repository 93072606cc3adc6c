"""Grouped matrix products."""

from heddle_kernels.calls.describe import (
    Device,
    Function,
    Handler,
    Op,
    Operator,
    inputs,
    outputs,
    sizes,
    typed,
)

_SIZES = {"n": "rows_of(lhs)", "k": "lhs.dims[1]", "dtype": "dtype_of(lhs)", "index": "index_of(sizes)"}

SEGMENT_MATMUL = Op(
    "segment_matmul",
    """out [n, m] = rows of lhs [n, k] times their group's matrix: rhs [groups, k, m], or [groups, m, k] if
    `transposed`, plus bias [groups, m] unless NULL. Group g has the sizes[g] rows after those of group g -
    1.""",
    inputs("lhs rhs bias? sizes") + outputs("out") + sizes("n groups k m transposed dtype index threads"),
    cuda=Device(
        shared_workspace="matmul",
        precision=True,
        doc="heddle_segment_matmul; sizes [groups] on the device.",
    ),
    handlers=(
        Handler(
            "sizes lhs rhs",
            "out",
            "transposed precision",
            _SIZES | {"bias": "NOTHING", "groups": "rows_of(rhs)", "m": "out.dims[1]"},
        ),
    ),
    operators=(
        Operator(
            "segment_matmul", "Tensor lhs, Tensor rhs, Tensor group_sizes, Tensor? bias, bool transposed"
        ),
    ),
)

SEGMENT_OUTER = Op(
    "segment_outer",
    "out [groups, k, m] = per group, lhs [n, k] transposed times rhs [n, m]; an empty group gives 0.",
    inputs("lhs rhs sizes") + outputs("out") + sizes("n groups k m dtype index threads"),
    cuda=Device(
        "n groups k m dtype",
        precision=True,
        doc="""heddle_segment_outer; sizes [groups] on the device. Its workspace is asked apart: groups of many rows
    are cut there.""",
    ),
    handlers=(
        Handler(
            "sizes lhs rhs", "out", "precision", _SIZES | {"groups": "rows_of(sizes)", "m": "rhs.dims[1]"}
        ),
    ),
    operators=(Operator("segment_outer", "Tensor lhs, Tensor rhs, Tensor group_sizes"),),
)

_LISTS, _RESULTS, _SHAPES = (
    typed("const void* const*", "lhs rhs"),
    typed("void* const*", "outs"),
    typed("const int64_t*", "shapes"),
)

GROUPED_MATMUL = Op(
    "grouped_matmul",
    """The same for `count` products that share no array, of shapes [count, 3] = (n, k, m): outs[i] = lhs[i] rhs[i] +
    biases[i], and outs[i] = lhs[i] transposed times rhs[i]. biases, or any of them, may be NULL.""",
    _LISTS
    + typed("const void* const*", "biases?")
    + _RESULTS
    + _SHAPES
    + sizes("count transposed dtype threads"),
    cuda=Device(
        shared_workspace="matmul",
        precision=True,
        faults=False,
        doc="""heddle_grouped_matmul and heddle_grouped_outer: the lists and shapes lie on the host, what they point to
    on the device.""",
    ),
    operators=(
        Operator("grouped_matmul", "Tensor[] lhs, Tensor[] rhs, Tensor[] bias, bool transposed", "Tensor[]"),
    ),
)

GROUPED_OUTER = Op(
    "grouped_outer",
    "The outer products of heddle_grouped_matmul.",
    _LISTS + _RESULTS + _SHAPES + sizes("count dtype threads"),
    cuda=Device(shared_workspace="matmul", precision=True, faults=False),
    operators=(Operator("grouped_outer", "Tensor[] lhs, Tensor[] rhs", "Tensor[]"),),
)

OPS = (SEGMENT_MATMUL, SEGMENT_OUTER, GROUPED_MATMUL, GROUPED_OUTER)

ON_DEVICE = (
    Function(
        "heddle_cuda_matmul_workspace",
        "Bytes of device memory, aligned to 16, that a product of `groups` groups needs on the current device.",
        sizes("groups"),
        "int64_t",
    ),
)
