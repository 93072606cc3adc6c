"""Names of the kinds of input that models of core read; loads nothing, so that a command line can check them."""

NODE_FEATURES = "node features"
NODE_CODES = "node codes"
EDGE_FEATURES = "edge features"
EDGE_CODES = "edge codes"
EDGE_WEIGHTS = "edge weights"
GRAPH_FEATURES = "graph features"

KINDS = NODE_FEATURES, NODE_CODES, EDGE_FEATURES, EDGE_CODES, EDGE_WEIGHTS
