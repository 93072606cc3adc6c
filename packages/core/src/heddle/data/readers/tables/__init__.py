"""Tables of nodes and edges, CSV or Parquet, that the configuration describes: read.py, nodes.py, edges.py."""
