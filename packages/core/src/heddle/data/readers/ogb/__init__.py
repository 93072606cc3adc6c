"""The raw files of the Open Graph Benchmark: read.py chooses by the kind of data set.

graphs.py  many graphs with a label each
nodes.py   one graph with a label for each node
hetero.py  several node types
tables.py  what these layouts share
"""
