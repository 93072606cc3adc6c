"""What a schema can say, each on tables small enough to check by eye, by both engines with the same bytes."""

import json
from textwrap import dedent

import numpy as np
import pytest

pytest.importorskip("duckdb", reason="DuckDB isn't installed: pip install 'heddle-core[etl]'")

import pyarrow
import pyarrow.parquet as parquet

from heddle.data.etl import prepare, schema_file
from heddle.data.etl_options import Etl
from heddle.data.prepared import open_prepared, prepared, read_ids
from heddle.errors import ConfigError, DataError

FILES = {
    "people.csv": (
        "id,on,boss,city,skill,part\n1,x,,a,red car,train\n2,y,1,b,car red,val\n3,x,9,a,,test\n4,z,1,,blue,\n"
    ),
    "races.csv": "year,round,when,points\n2020,1,2020-03-01,1\n2020,2,2020-04-01,\n2021,1,2021-03-01,3.5\n",
    "runs.csv": ('who,year,round,note\n1,2020,1,"{""p"": {""q"": 7}}"\n2,2020,2,\n1,2021,1,"{""p"": [1]}"\n'),
}


def made(tmp_path, text, **files):
    """Prepare a schema by both engines, which must give the same bytes; return the folder's content."""
    for name, content in {**FILES, **files}.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    (tmp_path / "s.yaml").write_text(dedent(text), encoding="utf-8")
    schema, folders = schema_file(tmp_path / "s.yaml"), []
    for engine in ("duckdb", "polars"):
        out = prepare(schema, tmp_path, tmp_path / engine, Etl(engine, overwrite=True, progress=False))
        files = sorted(path for path in out.rglob("*") if path.is_file())
        folders.append({str(path.relative_to(out)): path.read_bytes() for path in files})
    assert folders[0] == folders[1]
    return open_prepared(tmp_path / "duckdb")


def test_names_are_text_whatever_yaml_1_1_takes_them_for(tmp_path):
    opened = made(
        tmp_path,
        """
        name: yes
        kind: node_classification
        target: no
        tables:
          off: {path: people.csv, columns: {id: int, on: text, boss: int}, header: yes}
        nodes:
          no: {table: off, key: id, label: {column: on, classes: [x, y, z]}, features: [boss]}
        edges:
          - {type: [no, on, no], table: off, source: boss, target: id, missing: drop, reverse: off}
        """,
    )
    assert opened.name == "yes" and list(opened.edges) == [("no", "on", "no")]
    assert opened.nodes["no"].label.tolist() == [0, 1, 0, 2]
    assert opened.edges["no", "on", "no"].ends.tolist() == [
        [0, 1],
        [0, 3],
    ]  # the boss of 1 is empty, 9 is nobody
    assert opened.info["dropped"] == {"no___on___no": 2}


def test_empty_ids_may_be_left_out_and_unknown_ones_refused(tmp_path):
    text = """
        name: q
        tables: {people: {path: people.csv, columns: {id: int, boss: int}}}
        nodes: {person: {table: people, key: id}}
        edges: [{type: [person, leads, person], table: people, source: boss, target: id, missing: empty}]
        """
    with pytest.raises(DataError, match="people: row 2, column 'boss': found an id that no node"):
        made(tmp_path, text)
    opened = made(tmp_path, text, **{"people.csv": FILES["people.csv"].replace("3,x,9", "3,x,2")})
    assert opened.edges["person", "leads", "person"].ends.tolist() == [[0, 1], [1, 2], [0, 3]]


COMPOSITE = """
    name: q
    tables:
      people: {path: people.csv, columns: {id: int, city: text}}
      races: {path: races.csv, columns: {year: int, round: int, when: {type: datetime, format: iso}}}
      runs:
        path: runs.csv
        columns: {who: int, year: int, round: int, p: {of: note, type: int, json: p.q}}
        joined: {city: {table: people, by: who, key: id, column: city}}
      dated:
        sql: SELECT who, r.year, r.round, r.when AS happened FROM runs JOIN races r USING (year, round)
      yearly:
        sql: SELECT year, count(*) AS runs, max(happened) AS last, sum(who) / 2 AS half FROM dated GROUP BY year
    nodes:
      person: {table: people, key: id}
      race: {table: races, key: [year, round], time: when}
      year: {table: yearly, key: year, time: last, features: [runs, half]}
    edges:
      - type: [person, runs, race]
        table: runs
        source: who
        target: [year, round]
        features: [{column: p, encode: number}, {column: city, encode: category}]
      - {type: [person, ran_in, year], table: dated, source: who, target: year, time: happened}
    """


def test_composite_keys_queries_and_columns_of_other_tables(tmp_path):
    opened = made(tmp_path, COMPOSITE)
    assert read_ids(opened.nodes["race"]) == ["2020/1", "2020/2", "2021/1"]
    runs = opened.edges["person", "runs", "race"]
    assert runs.ends.tolist() == [[0, 0], [1, 1], [0, 2]]
    assert runs.features["codes"][:, 0].tolist() == [1, 2, 1]  # the cities of 1, 2, 1
    assert runs.features["x"][:, 0].tolist() == [0, 0, 0]  # one 7 alone: no deviation
    year = opened.nodes["year"]
    assert read_ids(year) == [2020, 2021]
    assert year.time.tolist() == np.array(["2020-04-01", "2021-03-01"], "datetime64[s]").astype(int).tolist()
    assert year.features["x"].tolist() == [[1, 1], [-1, -1]]
    dated = opened.edges["person", "ran_in", "year"]  # rows ascending by who, year, round
    assert dated.ends.tolist() == [[0, 0], [0, 1], [1, 0]]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("SELECT who, r.year", "SELECT whom, r.year", "tables.dated.sql: found Binder Error"),
        ("SELECT who, r.year", "SELECT [who] AS w, r.year", "a column 'w' of type list"),
        ("FROM runs JOIN", "FROM read_csv('/etc/hostname'), runs JOIN", "tables.dated.sql: found .*disabled"),
        ("key: id, column: city", "key: city, column: city", "'who' of type int64, expected string"),
        (
            "table: yearly, key: year, time",
            "table: yearly, key: years, time",
            "no column 'years' in yearly.*mean 'year'",
        ),
        ("features: [runs, half]", "features: [runs, hulf]", "no column 'hulf'.*did you mean 'half'"),
    ],
)
def test_queries_that_do_not_fit(tmp_path, old, new, message):
    assert old in COMPOSITE
    with pytest.raises(DataError, match=message) as caught:
        made(tmp_path, COMPOSITE.replace(old, new))
    assert "\n" not in str(caught.value)


def test_keys_of_several_columns_never_collide(tmp_path):
    opened = made(
        tmp_path,
        r"""
        name: q
        tables: {t: {path: t.csv, columns: {a: text, b: text}}}
        nodes: {n: {keys: [[t, [a, b]]]}}
        """,
        **{"t.csv": 'a,b\nx/y,z\nx,y/z\nx\\,y\nx,"\\/y"\n'},
    )
    assert len(read_ids(opened.nodes["n"])) == 4


def test_vectors_texts_and_json(tmp_path):
    vectors = [[1.0, 2.0], None, [3.0, 4.5]]
    parquet.write_table(pyarrow.table({"id": [1, 2, 3], "v": vectors}), tmp_path / "v.parquet")
    text = """
        name: q
        tables:
          v: {path: v.parquet, columns: {id: int, v: vector}}
          w:
            path: w.csv
            columns: {id: int, v: vector, t: text, tag: {of: j, json: tags.1}, n: {of: j, json: n, type: int}}
        nodes:
          a: {table: v, key: id, features: [{column: v, encode: vector}]}
          b:
            table: w
            key: id
            features: [{column: v, encode: vector}, {column: t, encode: text, size: 16}, {column: n, encode: vector}]
          tag: {keys: [[w, tag]]}
        """
    rows = 'id,v,t,j\n1,"[1,2]",a red car,"{""tags"": [1, ""x""], ""n"": 3}"\n2,,,"{""tags"": [0, 5], ""n"": null}"\n'
    opened = made(tmp_path, text, **{"w.csv": rows + '3,3 4.5,The RED car!,"{""tags"": [1, ""x""]}"\n'})
    assert opened.nodes["a"].columns["x"] == ("v[0]", "v[1]")
    assert opened.nodes["a"].features["x"].tolist() == [[1, 2], [0, 0], [3, 4.5]]
    x = opened.nodes["b"].features["x"]
    assert x[:, :2].tolist() == [[1, 2], [0, 0], [3, 4.5]] and x[:, -1].tolist() == [3, 0, 0]
    columns = x[:, 2:18]
    assert np.linalg.norm(columns, axis=1) == pytest.approx([1, 0, 1]) and columns[0] @ columns[2] > 0.3
    assert read_ids(opened.nodes["tag"]) == ["5", "x"]
    for cell in ('"[1]"', "1 x", "1 2 3"):
        with pytest.raises(DataError, match=r"line 3, column 'v': found .*, expected 2 numbers"):
            made(tmp_path, text, **{"w.csv": rows.replace("2,,,", f"2,{cell},,")})
    with pytest.raises(DataError, match=r"line 2, column 'j': found '{', expected JSON"):
        made(tmp_path, text, **{"w.csv": "id,v,t,j\n1,1 2,,{\n"})


LABELLED = """
    name: q
    kind: node_classification
    target: person
    tables: {people: {path: people.csv, columns: {id: int, on: text, city: text, part: text}}}
    nodes: {person: {table: people, key: id, label: {column: on, classes: {ex: [x], other: ["*"]}}}}
    split: {column: part}
    """


def test_classes_that_stand_for_values_and_splits_that_are_stated(tmp_path):
    opened = made(tmp_path, LABELLED)
    person = opened.nodes["person"]
    assert person.label.tolist() == [0, 1, 0, 1] and opened.task.classes == ("ex", "other")
    assert {name: rows.tolist() for name, rows in person.splits.items()} == {
        "train": [0],
        "valid": [1],
        "test": [2],
    }
    with pytest.raises(DataError, match="people: row 2, column 'part': found 'vul', expected one of train"):
        made(tmp_path, LABELLED, **{"people.csv": FILES["people.csv"].replace("val", "vul")})


def test_splits_by_file(tmp_path):
    text = LABELLED.replace("people.csv", "*-part.csv").replace("part: text", "part: {of: $file}")
    files = {"train": "1,x\n2,y\n", "test": "3,x\n", "valid": "4,z\n"}
    text = text.replace("*-part.csv", "p/*.csv").replace(", city: text", "")
    (tmp_path / "p").mkdir()
    for name, rows in files.items():
        (tmp_path / f"p/{name}.csv").write_text("id,on\n" + rows)
    person = made(tmp_path, text).nodes["person"]
    assert {name: rows.tolist() for name, rows in person.splits.items()} == {
        "train": [0, 1],
        "valid": [3],
        "test": [2],
    }


def test_drawn_splits_keep_entities_together(tmp_path):
    rows = "".join(f"{at},{'xyz'[at % 3]},c{at % 40},\n" for at in range(2000))
    files = {"people.csv": "id,on,city,part\n" + rows}
    together = made(tmp_path, LABELLED.replace("column: part", "by: city, seed: 3"), **files).nodes["person"]
    cities = {part: {row % 40 for row in rows.tolist()} for part, rows in together.splits.items()}
    assert sum(map(len, cities.values())) == 40 and len(cities["train"]) > 24
    drawn = made(
        tmp_path, LABELLED.replace("column: part", "random: true, train: 0.5, of_valid: 0.25"), **files
    )
    shares = [len(rows) / 2000 for rows in drawn.nodes["person"].splits.values()]
    assert shares == pytest.approx([0.5, 0.25, 0.25], abs=0.04)
    other = made(
        tmp_path,
        LABELLED.replace("column: part", "random: true, train: 0.5, of_valid: 0.25, seed: 1"),
        **files,
    )
    assert other.nodes["person"].splits["train"].tolist() != drawn.nodes["person"].splits["train"].tolist()


def test_values_of_nodes(tmp_path):
    text = """
        name: q
        kind: node_regression
        target: race
        tables:
          races:
            path: races.csv
            columns: {year: int, round: int, when: {type: datetime, format: iso}, points: float}
        nodes: {race: {table: races, key: [year, round], time: when, label: points, features: [year]}}
        split: {valid: "2020-04-01", test: "2021-01-01"}
        """
    opened = made(tmp_path, text)
    race = opened.nodes["race"]
    assert race.label.tolist()[::2] == [1, 3.5] and np.isnan(race.label[1])
    assert {name: rows.tolist() for name, rows in race.splits.items()} == {
        "train": [0],
        "valid": [],
        "test": [2],
    }
    actual = prepared(str(tmp_path / "duckdb"))
    assert actual.task == "node_regression" and actual.targets.shape == (3, 1)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "columns: {id: int,",
            "columns: {id: integer,",
            r"s.yaml: line 5: tables.people.columns.id.type: found 'integer'",
        ),
        ("key: id,", "kay: id,", r"s.yaml: line 6: nodes.person: key: found 'kay'.*did you mean 'key'"),
        (
            "{column: part}",
            "{column: port}",
            "line 7: split: column of people: found 'port'.*did you mean 'part'",
        ),
        (
            "{column: part}",
            "{random: perhaps}",
            "line 7: split.random: found 'perhaps', expected true or false",
        ),
        ("{column: part}", "{seed: x}", "line 7: split.seed: found 'x', expected a number"),
        ("target: person", "target: persons", r"line 4: schema.target: found \['persons'\]"),
        ("[x]", "[x, y, x]", "twice"),
        ("path: people.csv,", "", "none of path, sql and database"),
        ("name: q", "name: q\n    name: r", "line 3: found 'name' twice, expected YAML"),
        ("name: q", "name: [q", "line 3: found .*expected YAML"),
        ("name: q", "name: true", "schema.name: found True, expected a name; put it in quotes"),
    ],
)
def test_a_wrong_schema_is_reported_with_its_line(tmp_path, old, new, message):
    assert old in LABELLED
    with pytest.raises(ConfigError, match=message) as caught:
        made(tmp_path, LABELLED.replace(old, new))
    assert "\n" not in str(caught.value)


def test_the_recipe_is_kept(tmp_path):
    opened = made(tmp_path, LABELLED)
    facts = json.loads((tmp_path / "duckdb/metadata.json").read_text())
    assert facts["recipe"]["split"]["column"] == "part" and "sql" not in facts["recipe"]["tables"]["people"]
    assert opened.task.num_classes == 2


NAMES = [
    "value",
    "rows",
    "row",
    "of",
    "other",
    "source",
    "target",
    "position",
    "gap",
    "ids",
    "end",
    "sources",
    "t",
    "e",
]


@pytest.mark.parametrize("name", [*NAMES, "id", "time", "key", "label", "order", "select", "a b", "x.y"])
def test_columns_of_any_name(tmp_path, name):
    """What engines call their own columns is no word that a table may not use."""
    rows = "\n".join(f"{at % 3},{at % 4},{at},{at % 2}" for at in range(12))
    text = f"""
        name: any
        tables:
          t:
            path: t.csv
            time: when
            columns: {{k: int, l: int, when: {{type: datetime, format: "%s"}}, "{name}": int}}
        nodes: {{a: {{keys: [[t, k]]}}, b: {{keys: [[t, l], [t, "{name}"]]}}}}
        edges:
          - type: [a, r, b]
            table: t
            source: k
            target: l
            time: when
            features: ["{name}", {{column: "{name}", encode: category}}, {{column: when, encode: since}}, k]
        split: {{valid: 6, test: 9}}
        kind: link_prediction
        target: [a, r, b]
        """
    opened = made(tmp_path, text, **{"t.csv": f"k,l,when,{name}\n{rows}\n"})
    assert opened.edges["a", "r", "b"].features["codes"][:, 0].tolist() == [1, 2] * 6
    assert read_ids(opened.nodes["b"]) == [0, 1, 2, 3]


def test_the_one_name_of_duckdb(tmp_path):
    text = "name: a\ntables: {t: {path: t.csv, columns: {file_row_number: int}}}\nnodes: {}\n"
    (tmp_path / "s.yaml").write_text(text)
    with pytest.raises(
        ConfigError, match="found 'file_row_number', DuckDB's own, expected another name; call it"
    ):
        schema_file(tmp_path / "s.yaml")
