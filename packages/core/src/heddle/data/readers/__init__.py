"""Readers: published data sets in their own files, and people's own files.

planetoid, tu, rdf, heco, triples, temporal, events, networkx: one family of data sets each
ogb/, traffic/, tables/: families of several files
"""
