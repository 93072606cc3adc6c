"""Synthetic tables as people have them: dialects, marks and cells that are wrong now and then."""

import datetime as dt

import numpy as np

from heddle.data.etl import read_schema

POOLS = {
    "int": (
        [
            "0",
            "7",
            "-3",
            "+12",
            "1.0",
            "3.",
            "007",
            " 5 ",
            "42",
            "9223372036854775807",
            "-9223372036854775808",
        ],
        ["1.5", "1e3", "0x1F", "9223372036854775808", "1,000", "\u0967", "--1", "1 2", "1_0", "\uff11", "x"],
    ),
    "float": (
        ["1.5", ".5", "5.", "1e5", "-2.5E-3", "+1", "inf", "-Infinity", "NaN", "1e-400", "\u00a02.5", "0.1"],
        ["1e999", "1.2.3", "0x1p3", "1d5", "e5", ".", "+-1", "infinit", "\u00bd", "1;5", "nan()"],
    ),
    "money": (
        [
            "$1,024.50",
            "($2.50)",
            "-€3",
            "5 EUR",
            "USD 5",
            "$-1.00",
            "12,345,678.9",
            "$",
            "-$5",
            "7",
            "\u00a3.5",
        ],
        ["1,02", "$ 5 $ 3", "(5", "5)", "1,,000", "five", "$$5", "-(5)", "1234,567"],
    ),
    "percent": (["25%", "-3.5 %", "+.5%", "100.%"], ["25", "%", "5 % %", "x%"]),
    "text": (
        ["a", "é", "日本", " x ", 'a"b', "a,b", "line\nbreak", "NA", "b" * 40, "''", "a\tb", "cr\rlf"],
        [],
    ),
}
POOLS["money"][0].remove("$")
FORMATS = (
    "%Y-%m-%d",
    "%d.%m.%Y %H:%M",
    "%m/%d/%y",
    "%Y%m%d%H%M%S",
    "%d-%b-%Y",
    "iso",
    "%I:%M %p %Y-%m-%d",
    "%s",
    "ms",
)
BAD_TIMES = [
    "2024-02-30",
    "31.04.2024 10:00",
    "13/13/24",
    "20240101",
    "01-Foo-2024",
    "yesterday",
    "24:00",
    "1:2:3:4",
]


def spelled(rng, form):
    """Return a random moment in a format."""
    second = int(rng.integers(-2_000_000_000, 4_000_000_000))
    if form in ("%s", "ms"):
        return f"{second}" + ("" if rng.random() < 0.7 else ".5")
    when = dt.datetime(1970, 1, 1) + dt.timedelta(seconds=second)
    if form == "iso":
        zone = rng.choice(["", "Z", "+02:00", "-0530", " +01:00", "+03"])
        clock = rng.choice(["", " %H:%M", "T%H:%M:%S", " %H:%M:%S.25"])
        return when.strftime(f"%Y-%m-%d{clock}") + (zone if rng.random() < 0.5 else "")
    return when.strftime(form)


class Dirty:
    """A random table: `table`, the mapping of the schema; `data`, the file's bytes."""

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        self.columns = {
            "a": "text",
            "b": "text",
            "t": {"type": "datetime", "format": str(rng.choice(FORMATS))},
        }
        for at in range(int(rng.integers(1, 4))):
            self.columns[f"c{at}"] = str(rng.choice(["int", "float", "money", "percent", "text"]))
        self.decimal = str(rng.choice([".", ".", ".", ","]))
        delimiter = str(rng.choice([",", ";", "\t", "::", "|"]))
        quote = None if rng.random() < 0.1 else '"'
        encoding = str(rng.choice(["utf-8", "utf-8", "utf-8", "utf-16", "utf-8-sig"]))
        marks = [["NA"], [], ["NULL", "\\N", "-"]][int(rng.integers(3))]
        self.table = {
            "path": "t.csv",
            "columns": self.columns,
            "delimiter": delimiter,
            "quote": quote,
            "encoding": encoding.removesuffix("-sig"),
            "decimal": self.decimal,
            "null": marks,
            "on_error": str(rng.choice(["fail", "fail", "null", "skip"])),
        }
        rate = float(rng.choice([0.0, 0.0, 0.03, 0.2]))
        end = str(rng.choice(["\n", "\n", "\r\n", "\r"]))
        names = [*self.columns, "unused"]
        rng.shuffle(names)
        lines = [delimiter.join(f" {name}" if rng.random() < 0.1 else name for name in names)]
        for _ in range(int(rng.integers(0, 30))):
            cells = [self._cell(rng, name, rate, marks, quote, delimiter) for name in names]
            if rng.random() < rate / 8:
                cells = cells[:-1] if rng.random() < 0.5 else [*cells, "x"]
            lines.append(delimiter.join(cells))
            if rng.random() < 0.02:
                lines.append("")
        text = end.join(lines) + (end if rng.random() < 0.8 else "")
        if quote and rng.random() < rate / 4:
            at = int(rng.integers(len(text)))
            text = text[:at] + '"' + text[at:]
        self.data = text.encode(encoding, "surrogatepass")
        if encoding.startswith("utf-8") and rng.random() < rate / 8:
            at = int(rng.integers(len(self.data)))
            self.data = self.data[:at] + b"\xff" + self.data[at:]

    def schema(self):
        """Return the Schema: nodes are the values of a and b, a row is an edge, features of every kind."""
        kinds = {name: column_type for name, column_type in self.columns.items() if name.startswith("c")}
        features = [{"column": name, "encode": "category"} for name in kinds]
        for name, column_type in kinds.items():
            if column_type != "text":
                features += [
                    {"column": name, "encode": "number"},
                    {"column": name, "encode": "bins", "bins": 3},
                ]
        return read_schema(
            {
                "name": "dirty",
                "tables": {"t": self.table},
                "nodes": {"n": {"keys": [["t", "a"], ["t", "b"]]}},
                "edges": [
                    {
                        "type": ["n", "to", "n"],
                        "table": "t",
                        "source": "a",
                        "target": "b",
                        "features": features,
                    }
                ],
            }
        )

    def _cell(self, rng, name, rate, marks, quote, delimiter):
        column_type = self.columns.get(name, "text")
        if name in ("a", "b"):
            text = str(rng.choice(["u", "v", "w", "é", "x y"])) if rng.random() > rate / 4 else ""
        elif rng.random() < 0.1:
            text = str(rng.choice(["", *marks]))
        elif isinstance(column_type, dict):
            text = str(rng.choice(BAD_TIMES)) if rng.random() < rate else spelled(rng, column_type["format"])
        else:
            good, bad = POOLS[column_type]
            text = str(rng.choice(bad)) if bad and rng.random() < rate else str(rng.choice(good))
            if self.decimal == "," and column_type != "text":
                text = text.translate(str.maketrans(".,", ",."))
        if quote is None:
            return "".join(mark for mark in text if mark not in "\r\n").replace(delimiter, " ")
        if any(mark in text for mark in (quote, "\r", "\n")) or delimiter in text or rng.random() < 0.05:
            return quote + text.replace(quote, quote * 2) + quote
        return text
