"""Neighbour sampling: its structs, and functions on a graph and a sample that the library holds."""

from heddle_kernels.calls.describe import Function, Struct, inputs, outputs, sizes, typed

IN_EDGES = Struct(
    "heddle_in_edges",
    "The in-edges of one relation: receiver r owns positions indptr[r] to indptr[r + 1].",
    (
        ("indptr", "const void*", "[nodes of target + 1], of type `index`"),
        ("senders", "const void*", "[edges], of type `index`"),
        ("weight", "const void*", "[edges], of type `weight_dtype` (FLOAT32 or FLOAT64), or NULL"),
        ("time", "const int64_t*", "[edges], or NULL"),
        ("edges", "int64_t", ""),
        ("source", "int32_t", ""),
        ("target", "int32_t", ""),
        ("index", "int32_t", ""),
        ("weight_dtype", "int32_t", ""),
    ),
)

REQUEST = Struct(
    "heddle_sample_request",
    "What is to be sampled.",
    (
        ("seeds", "const int64_t*", "of all types, one type after the other"),
        ("n_seeds", "const int64_t*", "[types]"),
        ("first_tree", "const int64_t*", "[types], number of the tree of each type's first seed"),
        ("seed_time", "const int64_t*", "by number of tree, or NULL"),
        (
            "roots",
            "const uint64_t*",
            "by number of tree, what a layered sample's draws depend on beside the node, or NULL",
        ),
        ("sizes", "const int64_t*", "[relations, hops], -1 for all; in heddle_budget_sample [types, hops]"),
        ("leaves", "const int32_t*", "[types], whose nodes aren't entered in the last hop, or NULL for none"),
        ("hops", "int64_t", ""),
        ("most", "int64_t", "heddle_budget_sample: in-edges of a node that count, -1 for all"),
        (
            "window",
            "int64_t",
            "edges of relations with times that became eligible longer before the seed's time aren't taken; 0 for all",
        ),
        ("key", "uint64_t", ""),
        ("replace", "int32_t", ""),
        ("trees", "int32_t", ""),
        ("induced", "int32_t", ""),
        ("newest", "int32_t", ""),
        ("layered", "int32_t", ""),
        ("threads", "int32_t", ""),
        ("first_hop", "int32_t", "the number of the first hop, which draws depend on"),
    ),
)

STRUCTS = (IN_EDGES, REQUEST)

_GRAPH, _SAMPLE = typed("const heddle_sample_graph*", "graph"), typed("heddle_sample*", "sample")
_ASK = _GRAPH + _SAMPLE + typed("const struct heddle_sample_request*", "request")

GRAPH = (
    Function(
        "heddle_sample_graph_new",
        "",
        typed("const int64_t*", "n_node")
        + typed("const int64_t* const*", "node_time")
        + typed("const uint64_t* const*", "key_hashes")
        + sizes("types")
        + typed("const struct heddle_in_edges*", "relations")
        + sizes("n_relations threads")
        + typed("heddle_sample_graph**", "graph"),
    ),
    Function("heddle_sample_graph_free", "", typed("heddle_sample_graph*", "graph"), "void"),
)

SAMPLE = (
    Function("heddle_sample_new", "", _GRAPH + typed("heddle_sample**", "sample")),
    Function("heddle_sample_free", "", _SAMPLE, "void"),
    Function("heddle_neighbor_sample", "Draw a sample, hop by hop.", _ASK),
    Function("heddle_budget_sample", "Draw nodes of each type, layer by layer.", _ASK),
    Function(
        "heddle_sample_sizes",
        """Sizes of what was drawn: nodes_per_hop [types, hops + 1], edges_per_hop [relations, hops], or
    [relations, 1] if the edges are induced.""",
        typed("const heddle_sample*", "sample") + typed("int64_t*", "nodes_per_hop edges_per_hop"),
    ),
    Function(
        "heddle_sample_read",
        """What was drawn, as `index`: all types' nodes and (unless NULL) trees, all relations' edges, one after the
    other. Senders are positions among the nodes; of leaves, ids in the graph.""",
        typed("const heddle_sample*", "sample")
        + outputs("nodes tree? senders receivers edges")
        + sizes("index threads"),
    ),
    Function(
        "heddle_random_walk",
        "out [count, length + 1], as `index`: walks over the one relation of `graph` from start [count].",
        _GRAPH
        + typed("const int64_t*", "start")
        + outputs("out")
        + sizes("count length")
        + typed("double", "p q")
        + typed("uint64_t", "key")
        + sizes("index threads"),
    ),
)

_END = sizes("index") + outputs("fault? stream?")

ON_DEVICE = (
    Function(
        "heddle_cuda_sample_count",
        "1. For nodes [n] at positions from `first`: how many in-edges are taken of each, counts [n]. size -1 for all.",
        inputs("indptr")
        + typed("const int64_t*", "nodes")
        + typed("int64_t*", "counts")
        + sizes("n rows edges size replace")
        + _END,
    ),
    Function(
        "heddle_cuda_sample_draw",
        """2. Draw them: ends [n] are the running totals of counts, `key` is the relation's stream in this hop.
    Writes, per edge, its place in the graph, its receiver's place in the sample, and its sender's id.""",
        inputs("indptr senders")
        + typed("const int64_t*", "nodes ends")
        + typed("int64_t*", "taken receivers ids")
        + sizes("n rows edges n_node first size replace")
        + typed("uint64_t", "key")
        + _END,
    ),
    Function(
        "heddle_cuda_sample_claim",
        """3. table [n_node], all INT64_MAX at first, holds each node's place. Claim: note who of ids [count] comes
    first; is_new [count] is 1 for those that have no place yet and come first.""",
        typed("const int64_t*", "ids")
        + typed("int64_t*", "table is_new")
        + sizes("count")
        + outputs("stream?"),
    ),
    Function(
        "heddle_cuda_sample_enter",
        "4. Enter: rank [count] are the running totals of is_new. Writes new nodes to nodes [held ...].",
        typed("const int64_t*", "ids is_new rank")
        + typed("int64_t*", "table nodes")
        + sizes("count held")
        + outputs("stream?"),
    ),
)
