"""PyG's samplers on Heddle's: neighbors.py, PygNeighborSampler; hgt.py, HGTSampler and HGTLoader."""
