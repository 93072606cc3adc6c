"""Schemas: which tables become which nodes, edges, features, splits and tasks.

schema.py       Schema and its parts; recipe.py: the one that a prepared folder was made by
read_schema.py  out of YAML (yaml_files.py), names checked: read_tables.py, read_graph.py, read_tasks.py, checked.py
address.py      where a database is, shown without its secrets
queries.py      PREDICT ... FOR ..., as a Query; query_sql.py: as SQL
strptime.py     a format of times as a pattern
"""
