"""Schema: which tables become which nodes, edges, features, splits and tasks; `read_schema` makes one of YAML."""

from collections.abc import Mapping
from typing import Any, NamedTuple

TYPES = ("text", "int", "float", "money", "percent", "clock", "datetime", "vector")
ON_ERROR = ("fail", "null", "skip")
OF_EDGES = ("edge_classification", "edge_regression", "edge_ranking")
OF_VALUES = ("edge_regression", "edge_ranking", "node_ranking", "node_regression")
"""Kinds whose label is a number rather than a class."""
ENCODINGS = (
    *("plain", "number", "log", "bins", "category", "onehot", "cyclic", "since"),
    *("vector", "text"),
)


class Column(NamedTuple):
    """A typed column of a table.

    Attributes:
        of: the columns of the file it is made of; several are for text (joined by "/") and clock.
        type: text; int; float; money, e.g. "$-1,024.50"; percent, "25%" as 0.25; clock, int64 seconds since 1970 from
            year, month, day and "HH:MM"; datetime, the same from one column and `format`,
            or from a date and a time of day with a space between; vector, a
            list of numbers, every one of the same length.
        format: of a datetime, in strftime's letters; iso; %s, ms, us or ns for numbers since 1970.
        json: the place of the value in a column of JSON, as names with dots between: address.city, tags.0.
        at, width: of a vector, the number that is meant and how many it has; None for all of them, each a column
            NAME[0], NAME[1] ...
    """

    of: tuple[str, ...]
    type: str = "text"
    format: str = "%Y-%m-%d %H:%M:%S"
    json: str | None = None
    at: int | None = None
    width: int | None = None


class Joined(NamedTuple):
    """A column taken from another table: of its row whose `key` is what `by` is here, missing where there is none.

    `shift` moves a time: "-1 day" for what was known a day before. Of a table with `valid_from` it is the row that was
    valid at the time `at`, a column here, missing where none was yet; `at` is the table's `time` unless said.
    `valid_from` is that of the other table.
    """

    table: str
    by: str
    column: str
    key: str | None = None
    shift: str | None = None
    at: str | None = None
    valid_from: str | None = None


class Derived(NamedTuple):
    """A column made of others of its table.

    Attributes:
        make: key, the columns `of` as one text; row, the number of the row; until, the column, but `limit` where it is
            more; part, 0, 1 or 2 for training, validation and test: the split.
        of: the columns.
        limit: see until.
        split: see part.
    """

    make: str
    of: tuple[str, ...] = ()
    limit: int = 0
    split: Any = None


class Table(NamedTuple):
    """A table: files of one layout below data.src, .csv, .csv.gz or .parquet, read in the order of their names.

    Attributes:
        path: may hold * for several files, or be a folder.
        columns: name -> Column. {} takes every column of the file as a float.
        header: whether a CSV's first line names its columns; without, they are called "0", "1" ...
        delimiter: between the cells of a CSV.
        time: the column by which `split` divides the rows; encoders are then fitted on the training period alone.
        null: what stands for a missing value, besides an empty cell, such as ["NULL", "NA"].
        on_error: of a cell that can't be read and of a line of too many or too few cells: fail; null, the cell is
            missing, the line kept out; skip, its row is kept out. What was kept out is counted in the metadata.
        encoding: of a CSV, as Python names it.
        decimal: the mark of a fraction, "." or ",".
        quote: around cells of a CSV; None where quotes are plain text.
        skip: lines of a CSV before its header (or first row) that don't count.
        short: of a line of a CSV that lacks its last cells: fail, or fill: they are empty, and counted in the metadata.
        sql: a query over the other tables, in DuckDB's SQL, in place of a path; its rows come in ascending order of
            their columns, from the left. Times are timestamps in it. `columns` may be left out.
        joined: name -> a column of another table.
        derived: name -> a column made of this table's, as lists of columns in key, source and target make them.
        database: in place of a path, one of the schema's databases.
        of: its table, or view, SCHEMA.TABLE too; the table's own name unless said.
        query: in place of `of`, a query in the database's SQL.
        valid_from: the column from which on a row is valid, until the next of its key; `time` too, unless said. Of two
            from one moment on the later row counts.
    """

    path: str | None = None
    columns: Mapping[str, Column] = {}
    header: bool = True
    delimiter: str = ","
    time: str | None = None
    null: tuple[str, ...] = ()
    on_error: str = "fail"
    encoding: str = "utf-8"
    decimal: str = "."
    quote: str | None = '"'
    skip: int = 0
    short: str = "fail"
    sql: str | None = None
    joined: Mapping[str, Joined] = {}
    derived: Mapping[str, Derived] = {}
    database: str | None = None
    of: str | None = None
    query: str | None = None
    valid_from: str | None = None


class Encode(NamedTuple):
    """How columns become features.

    Attributes:
        column: the column, or a list of them; "*" for all.
        encode: plain: the number itself. number: less the training mean, over its deviation. log: sign(x)
            log(1 + |x|). bins: the code of its quantile bin. category: the code of its value. onehot: a column per
            value. cyclic: sine and cosine of the `period` of a time. since: log(1 + seconds) since the sender's (or
            receiver's, with by="target") last edge, and whether there was none.
        most: values that a category keeps, the most frequent; the others are unknown (code 0).
        bins: number of quantile bins.
        period: hour (of the day), weekday, day (of the month) or month.
        by: source or target.
        table: where the column is, if not in the table of the nodes or edges; with as many rows.
        size: columns of a text.
        encoder: of a text, MODULE:FUNCTION from a list of n texts to [n, size] numbers; None for hashed words.
        clip: of number and log: how many deviations count at most; None for no limit.
    """

    column: str | tuple[str, ...]
    encode: str = "number"
    most: int = 1000
    bins: int = 16
    period: str = "hour"
    by: str = "source"
    table: str | None = None
    size: int = 64
    encoder: str | None = None
    clip: float | None = None


class Label(NamedTuple):
    """What is predicted: a column, and its values in the order of their classes (() for numbers 0, 1, ...).

    Several columns, or one of type vector, are several labels of 0 and 1 each, or several numbers to be predicted. For
    kind: edge_regression the target's column holds any numbers, for a ranking relevances of 0 and more. `weight` is
    a column of what each row weighs in the loss; `group`, for a ranking, one of whole numbers: rows of one number are
    put in order together. `values` are, for each class, the values that it stands for, ("*",) for all others; () for
    the class's own name; YAML writes them as classes: {NAME: [VALUE, ...]}. `delay` is how long after the time of its
    row a label is known, such as 30d for what happens in the 30 days after it; a query's is the end of its window.
    """

    column: str | tuple[str, ...]
    classes: tuple[str, ...] = ()
    table: str | None = None
    weight: str | None = None
    group: str | None = None
    values: tuple[tuple[str, ...], ...] = ()
    delay: Any = 0

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns, one or several."""
        return (self.column,) if isinstance(self.column, str) else self.column


class Nodes(NamedTuple):
    """A type of nodes: the rows of a table, or the distinct values of columns, ascending.

    Attributes:
        table: the nodes are its rows. With `key` they are put in the order of that column, which edges name them by.
        key: see `table`. Of a table with `valid_from` the nodes are its distinct keys; its rows are nodes of a type
            TYPE_version, with the features, and edges "version" to them from the time on from which they are valid.
        keys: (table, column) pairs: the nodes are the distinct values of these columns together.
        rows: number of nodes whose ids in the files are their positions, 0 to rows - 1.
        features, label: from `table`.
        time: column of `table`, or (table, column) with as many rows.
    """

    table: str | None = None
    key: Any = None
    keys: tuple[tuple[str, str], ...] = ()
    rows: int | None = None
    features: tuple[Encode, ...] = ()
    label: Label | None = None
    time: tuple[str, str] | None = None


class Edges(NamedTuple):
    """A relation: the rows of a table, each with a sender and a receiver.

    Attributes:
        type: (source type, relation, target type).
        table, source, target: the table and its columns of ids; a list of columns names nodes with such a key.
        reverse: add the relation rev_R.
        features, label, time: as for Nodes.
        missing: of a row whose ids are empty or name no node: fail; empty, rows with an empty id are left out; drop,
            both are. What was left out is counted in the metadata.
    """

    type: tuple[str, str, str]
    table: str
    source: Any
    target: Any
    reverse: bool = True
    features: tuple[Encode, ...] = ()
    label: Label | None = None
    time: str | None = None
    missing: str = "fail"


class Split(NamedTuple):
    """Which rows are learned from: by time, by a column that says so, or drawn.

    Attributes:
        valid: rows from this time on are for validation; None takes the time after the first `train` of the rows.
        test: rows from this time on are for the test.
        train, of_valid: shares of the rows by time, whole moments only; or of those drawn.
        column: a column of the target's table that holds train, valid (or val, validation) and test; empty for neither.
        random: draw rows, by their numbers and `seed`.
        by: draw the values of this column, so that rows of one value stay together.
    """

    valid: int | None = None
    test: int | None = None
    train: float = 0.8
    of_valid: float = 0.1
    column: str | None = None
    random: bool = False
    by: str | None = None
    seed: int = 0

    @property
    def timed(self) -> bool:
        """Whether time divides the rows."""
        return self.column is None and not self.random and self.by is None


class Asked(NamedTuple):
    """A task whose rows are questions: about a node, at a time, with a target; a node may have several.

    Attributes:
        of: the type of the nodes.
        kind: node_classification or node_regression.
        table: of the questions; None with a `query`.
        key, time, label: its columns: the key of the node, when it is asked, what is predicted.
        query: the question in words, from which the table is made.
        features: of the questions; () for the month of the time.
        test: rolling, a question of the test sees what was there at its time; frozen, what was there when the test
            period began.
        missing: of questions about unknown nodes, as in `Edges`.
        train, valid: of a query, as `test`: frozen, a question of validation sees what was there when validation began;
            training is cut into stretches as long as the test, whose questions see what was there when theirs began.
        history: of a query: add what the tables say of the node up to each question to its features: means of its last
            rows, how many there are in some windows and how old the last is.
    """

    of: str
    kind: str = "node_classification"
    table: str | None = None
    key: Any = None
    time: str | None = None
    label: Label | None = None
    query: str | None = None
    features: tuple[Encode, ...] = ()
    test: str = "rolling"
    missing: str = "fail"
    history: bool = False
    train: str = "rolling"
    valid: str = "rolling"


class Schema(NamedTuple):
    """A graph of tables; `kind` and `target` are those of `heddle.data.prepared.Task`.

    Each of `tasks` is a node type of its name besides, with a relation `asked` from the nodes it is about. `databases`
    are addresses that tables may name, `heddle.data.etl.schemas.address.Address` each.
    """

    name: str
    tables: Mapping[str, Table]
    nodes: Mapping[str, Nodes]
    edges: tuple[Edges, ...] = ()
    split: Split | None = None
    kind: str = "none"
    target: tuple[str, ...] = ()
    tasks: Mapping[str, Asked] = {}
    databases: Mapping[str, Any] = {}


_FIRST: Mapping[type, str] = {
    Column: "format",
    Table: "time",
    Encode: "table",
    Label: "group",
    Edges: "time",
    Joined: "key",
    Asked: "missing",
    Split: "of_valid",
    Schema: "target",
}
LATER: Mapping[type, Mapping[str, Any]] = {
    spec: {key: spec._field_defaults[key] for key in spec._fields[spec._fields.index(last) + 1 :]}  # type: ignore[attr-defined]
    for spec, last in _FIRST.items()
}
"""Keys that a recipe in a folder's metadata leaves out at their defaults."""
