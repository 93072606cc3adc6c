"""Tables to graphs: tables to a prepared folder, by a schema, with DuckDB or Polars (extra `etl`).

- `prepare`: prepare, the whole way; `transforms`: OGBN_MAG and Tabformer, the same as objects; `appending`: rows that
  come later
- `schemas`: what tables, nodes, edges, features, splits and tasks are, out of YAML; `recipes`: of known tables
- `files`: the files of a table; `stores`: those of a folder or an object store; `databases`: rows of one
- `cells`: what cells mean, for every engine
- `tables`: every table with all its columns; `derived`: columns of others; `sql_tables`: queries; `kept`: rows left out
- `engines`: the relational steps and who does them; `relate`: a schema's steps, in order
- `features`: of columns, fitted on the training period; `emit`: the arrays; `written`: by column; `streams`: by chunk;
  `steps`: resumed; `work_folder`: where, locked
- `picture`: of a folder's tables, keys and references
- `cost`: what a preparation takes, and which engine to take; `infer`: a schema proposed from files
- `readers`: `data=tabformer`, `data=ogbn_mag` and `data=schema` for commands that read what was prepared
"""

from heddle.data.etl.appending import Appended, append
from heddle.data.etl.prepare import prepare
from heddle.data.etl.recipes import schema_file, schema_of
from heddle.data.etl.schemas.read_schema import read_schema
from heddle.data.etl.schemas.schema import Schema
from heddle.data.etl.transforms import OGBN_MAG, Tabformer

__all__ = [
    "OGBN_MAG",
    "Appended",
    "Schema",
    "Tabformer",
    "append",
    "prepare",
    "read_schema",
    "schema_file",
    "schema_of",
]
