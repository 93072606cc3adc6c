"""Speeds of road sensors: read.py gives measured or synthetic ones.

measured.py  METR-LA, PEMS-BAY and other measured traffic
graph.py     the graph of the sensors
speeds.py    speeds in time, from HDF5, npz or CSV
"""
