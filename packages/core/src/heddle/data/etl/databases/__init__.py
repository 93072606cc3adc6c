"""Databases whose tables are read through ADBC, column by column in Arrow's types.

- `database`: what a database gives; `open_databases`: those of a schema
- `sqlite`, `postgresql`: each with the columns whose types need a word of SQL
"""
