"""Sums over relations: their structs, and the op and its gradient."""

from heddle_kernels.calls.describe import Arguments, Op, Operator, Struct, sizes, typed

NODE_TYPE = Struct(
    "heddle_node_type",
    "A node type. Pointers may be NULL where they say so; a type that is never entered may have y = NULL.",
    (
        ("x", "const void*", "[nodes, in_dim]; NULL for a type without features"),
        ("root", "const void*", "[in_dim, out_dim], or [nodes, out_dim] without features; NULL for none"),
        ("bias", "const void*", "[out_dim], or NULL"),
        ("y", "void*", "[nodes, out_dim]: the result; read by the gradient if `relu`"),
        ("grad", "const void*", "[nodes, out_dim]: the gradient of y, or NULL for none"),
        ("x_grad", "void*", "gradients to be written; NULL for those that nobody wants"),
        ("root_grad", "void*", ""),
        ("bias_grad", "void*", ""),
        ("nodes", "int64_t", ""),
        ("in_dim", "int64_t", ""),
    ),
)

BUNDLE = Struct(
    "heddle_bundle",
    "Relations of one source type that go one way, relation after relation.",
    (
        ("indptr", "const void*", "[rows + 1], of type `index`"),
        ("ids", "const void*", "[edges] columns"),
        ("t_indptr", "const void*", "the way back: [columns + 1]"),
        ("t_ids", "const void*", "[edges] rows"),
        ("t_order", "const void*", "[edges] positions in ids; NULL if weight is"),
        ("weight", "const void*", "[edges], or NULL for ones"),
        ("scale", "const void*", "[rows], or NULL for ones"),
        (
            "sources",
            "const void*",
            "[columns] row of x that a column stands for, ascending within a relation; NULL for all rows of x for each"
            " relation",
        ),
        (
            "matrices",
            "const void*",
            "[n_matrices, in_dim, out_dim], or [n_matrices, nodes, out_dim] for a source without features",
        ),
        ("matrices_grad", "void*", "those of its relations are written; or NULL"),
        ("table", "const int64_t*", "[relations, 3]: place among the bundle's targets, columns, rows"),
        (
            "order",
            "const int64_t*",
            "[relations] place of each one's matrix, another for each; NULL for one after the other",
        ),
        ("source", "int64_t", "its place among the types"),
        ("edges", "int64_t", ""),
        ("columns", "int64_t", ""),
        ("rows", "int64_t", ""),
        ("relations", "int64_t", ""),
        ("n_matrices", "int64_t", ""),
        ("targets", "int64_t", ""),
        (
            "aggregate_first",
            "int64_t",
            "columns are rows of x for all relations alike; else a relation's columns are its own",
        ),
    ),
)

TARGET = Struct(
    "heddle_target",
    "A target of a bundle.",
    (
        (
            "receivers",
            "const void*",
            "[rows] node that each row belongs to, relation after relation, ascending within each; NULL for a row for"
            " each node in every relation",
        ),
        ("rows", "int64_t", ""),
        ("type", "int64_t", "its place among the types"),
    ),
)

STRUCTS = (NODE_TYPE, BUNDLE, TARGET)


def _table(struct: Struct, name: str) -> Arguments:
    return typed(f"const struct {struct.name}*", name)


_ARGUMENTS = (
    _table(NODE_TYPE, "types")
    + sizes("n_types")
    + _table(BUNDLE, "bundles")
    + sizes("n_bundles")
    + _table(TARGET, "targets")
    + sizes("out_dim relu dtype index threads known")
)

RELATIONAL_CONV = Op(
    "relational_conv",
    """targets: those of the first bundle, then those of the next. relu: y = max(y, 0). known: 1 if an earlier call of
    the same function with 0 found all ids in range, and these are the same still: they are not checked again.""",
    _ARGUMENTS,
    operators=(
        Operator(
            "relational_conv",
            "Tensor[] floats, Tensor[] constants, int[] table, int n_rows, int out_dim, bool relu",
        ),
    ),
)

RELATIONAL_CONV_GRAD = Op(
    "relational_conv_grad",
    "Its gradient.",
    _ARGUMENTS,
    operators=(
        Operator(
            "relational_conv_grad",
            "Tensor[] floats, Tensor[] constants, int[] table, bool relu, Tensor y, Tensor grad, bool[] wanted",
            "Tensor[]",
        ),
    ),
)

OPS = (RELATIONAL_CONV, RELATIONAL_CONV_GRAD)
