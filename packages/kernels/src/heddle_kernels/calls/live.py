"""Live graphs: a sample graph that doesn't change, and entries appended to it."""

from heddle_kernels.calls.describe import Function, inputs, outputs, sizes, typed

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
