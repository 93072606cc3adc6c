"""Live graphs: a sample graph that doesn't change, and entries appended to it."""

from heddle_kernels.calls.describe import Function, Struct, inputs, outputs, sizes, typed

ROWS = Struct(
    "heddle_rows",
    "Rows of one width in two arrays, one behind the other, and in blocks that are added while others read.",
    (
        ("first", "const void*", "[n_first, width]"),
        ("second", "const void*", "[n_second, width], or NULL"),
        ("blocks", "const void* const*", "of `block` rows each, or NULL"),
        ("n_first", "int64_t", ""),
        ("n_second", "int64_t", ""),
        ("block", "int64_t", ""),
        ("width", "int64_t", ""),
    ),
)

COLUMNS = Struct(
    "heddle_columns",
    "What nodes of a type, or rows of a relation, bring to a model.",
    (
        ("x", "const struct heddle_rows*", "float, or NULL"),
        ("codes", "const struct heddle_rows*", "int32, or NULL"),
        ("changed_x", "const struct heddle_rows*", "by the number of a change"),
        ("changed_codes", "const struct heddle_rows*", "the same"),
        ("tables", "const float* const*", "[columns of codes], embeddings of each"),
        ("table_rows", "const int64_t*", "[columns of codes]"),
        ("table_widths", "const int64_t*", "[columns of codes]"),
        (
            "rows",
            "const void*",
            "of a relation, the row at each of the base's positions; NULL for the position itself",
        ),
    ),
)

PLAN = Struct(
    "heddle_plan",
    """A model whose layers are y[t] = x[t] root + bias + the sum over relations into t of mean(x[s]) weight +
mean(columns of the edges) edge_weight, float matrices [in, out]; between layers negative values become 0.""",
    (
        ("columns", "const struct heddle_columns* const*", "[types + relations]"),
        ("sizes", "const int64_t*", "[relations, layers], edges to draw; -1 for all"),
        ("roots", "const float* const*", "[layers, types], NULL for none"),
        ("biases", "const float* const*", "[layers, types], NULL for none"),
        ("weights", "const float* const*", "[layers, relations], NULL for none"),
        ("edge_weights", "const float* const*", "[layers, relations], NULL for none"),
        (
            "ids",
            "const int64_t*",
            "[types], rows of the tables that stand for features in the first layer; 0: features",
        ),
        ("widths", "const int64_t*", "[layers], of what each layer gives"),
        ("layers", "int64_t", ""),
        ("window", "int64_t", "as in heddle_sample_request"),
        ("key", "uint64_t", ""),
        ("replace", "int32_t", ""),
        ("newest", "int32_t", ""),
        ("first_hop", "int32_t", ""),
    ),
)

STRUCTS = (ROWS, COLUMNS, PLAN)

_LIVE = typed("const heddle_live*", "live")

FUNCTIONS = (
    Function(
        "heddle_live_new",
        """A live graph of a checked base, whose arrays must outlive it. room [types]: nodes that it may come to have,
    the base's included; entries take 32 bytes each, and 4 bytes each node of a relation's target type.""",
        typed("heddle_sample_graph*", "base")
        + typed("const int64_t*", "room")
        + sizes("capacity")
        + typed("heddle_live**", "live"),
    ),
    Function("heddle_live_free", "", typed("heddle_live*", "live"), "void"),
    Function(
        "heddle_live_nodes",
        """Of nodes after the base's, passed before they are appended: when they came into being, time [n], and what
    draws know them by, hash [n]; NULL where the type has none.""",
        typed("heddle_live*", "live")
        + sizes("type first n")
        + typed("const int64_t*", "time?")
        + typed("const uint64_t*", "hash?"),
    ),
    Function(
        "heddle_live_append",
        """Append n entries and publish them together, with n_node [types] nodes. Of an edge, list is its relation, node
    its receiver and other its sender; of a change of a node's features list is relations + type, other the change's
    number. One thread at a time. A refused call appends nothing.""",
        typed("heddle_live*", "live")
        + sizes("n")
        + typed("const int64_t*", "list node other time row n_node"),
    ),
    Function(
        "heddle_live_published",
        "How many entries upto [1] and nodes n_node [types] are published.",
        _LIVE + typed("int64_t*", "upto n_node"),
    ),
    Function(
        "heddle_live_sample",
        """heddle_neighbor_sample of the graph with its first `upto` entries merged in, by time, behind the base's of
    the same time. Edges go by their position in the base, or the base's edges + the entry.""",
        _LIVE
        + typed("heddle_sample*", "sample")
        + typed("const struct heddle_sample_request*", "request")
        + sizes("upto")
        + typed("const int64_t*", "n_node"),
    ),
    Function(
        "heddle_live_rows",
        "rows [n]: the row of each of entries [n].",
        _LIVE + sizes("n") + typed("const int64_t*", "entries") + typed("int64_t*", "rows"),
    ),
    Function(
        "heddle_live_latest",
        """latest [n]: the number of the latest change of each of nodes [n] by time [n] (NULL: of all times), -1 for
    none; of equal times, the one that arrived last.""",
        _LIVE + sizes("type upto n") + typed("const int64_t*", "nodes time?") + typed("int64_t*", "latest"),
    ),
    Function(
        "heddle_live_last",
        """last [n]: when the newest edge of a relation into each of nodes [n] came into being, no later than time [n];
    INT64_MIN for none.""",
        _LIVE + sizes("relation upto n") + typed("const int64_t*", "nodes time") + typed("int64_t*", "last"),
    ),
    Function(
        "heddle_live_embed",
        """out [seeds, width of the last layer]: what a model gives of seeds, of all types one type after the other,
    n_seeds [types], at seed_time [seeds] (NULL: all times), from the first `upto` entries and n_node [types] nodes. A
    seed may be the first number that no node has. Draws are those of a layered sample, a row's bits those that it has
    alone, on however many threads; the sample stays in `sample`.""",
        _LIVE
        + typed("heddle_sample*", "sample")
        + typed("const struct heddle_plan*", "plan")
        + sizes("upto")
        + typed("const int64_t*", "n_node n_seeds seeds seed_time?")
        + sizes("threads")
        + typed("float*", "out"),
    ),
    Function(
        "heddle_live_used",
        """The rows of the edges of a sample, each once, ascending, of all relations one after the other: counts
    [relations] and rows [sum of counts], of which `capacity` are written at most.""",
        _LIVE
        + typed("const heddle_sample*", "sample")
        + typed("const struct heddle_plan*", "plan")
        + sizes("capacity")
        + typed("int64_t*", "rows counts"),
    ),
    Function(
        "heddle_live_count",
        "indptr [receivers + 1] of a relation with its first `upto` entries.",
        _LIVE + sizes("relation upto receivers") + typed("int64_t*", "indptr"),
    ),
    Function(
        "heddle_live_merge",
        """Edges of receivers [first, last) with the first `upto` entries: senders, time (NULL for none) and rows, as
    `index` of the relation. base_rows: the row at each of the base's positions, NULL for the position itself.""",
        _LIVE
        + sizes("relation upto first last")
        + inputs("base_rows?")
        + outputs("senders")
        + typed("int64_t*", "time?")
        + outputs("rows"),
    ),
)
