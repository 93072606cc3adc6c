"""Engines of tables: engine.py, their steps; with_duckdb.py and with_polars.py; open_engine.py: one by its name."""
