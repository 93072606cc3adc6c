"""Small tables of both recipes and of a schema of one's own, and folders as bytes."""

from pathlib import Path

import pytest
import yaml

from heddle.data.etl import read_schema
from heddle.data.generators import write_mag, write_tabformer

OWN = """
name: shop
kind: node_classification
target: user
tables:
  users:
    path: users.csv
    columns:
      id: text
      age: int
      plan: text
      joined: {type: datetime, format: "%Y-%m-%d"}
      churned: text
      weight: float
    time: joined
  items:
    path: "items-*.parquet"
    columns: {sku: int, price: float, title: text}
  orders:
    path: orders.csv.gz
    delimiter: ";"
    header: false
    columns:
      user: {of: "0"}
      sku: {of: "1", type: int}
      paid: {of: "2", type: money}
nodes:
  user:
    table: users
    key: id
    time: joined
    label: {column: churned, classes: ["no", "yes"], weight: weight}
    features:
      - {column: age, encode: number}
      - {column: age, encode: bins, bins: 4}
      - {column: plan, encode: onehot, most: 2}
      - {column: plan, encode: category}
      - {column: joined, encode: cyclic, period: month}
  item:
    table: items
    key: sku
    features: [{column: price, encode: log}]
edges:
  - {type: [user, orders, item], table: orders, source: user, target: sku, features: [{column: paid, encode: plain}]}
split: {valid: "2020-03-01", test: "2020-05-01"}
"""

USERS = (
    "id,age,plan,joined,churned,weight\n"
    'zoe,31,free,2020-01-05,no,1\n"ann, b",,pro,2020-02-01,yes,2.5\nbob,45,free,2020-03-05,,1\n'
    "Ömer,20,gold,2020-04-01,no,0\ncyd,99,new,2020-06-01,yes,1\ndee,31,,2020-01-05,no,4\n"
)
ORDERS = 'zoe;7;$1.50\n"ann, b";12;"$1,000.25"\nzoe;7;$-2.00\n\u00d6mer;3;$0.10\ncyd;3;$5.00\n'


@pytest.fixture
def shop(tmp_path):
    """Give the folder of the shop's tables."""
    import gzip

    import pyarrow
    import pyarrow.parquet

    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "users.csv").write_text(USERS, encoding="utf-8")
    (folder / "orders.csv.gz").write_bytes(gzip.compress(ORDERS.encode()))
    for number, (skus, prices) in enumerate([([12, 3], [10.0, 2.5]), ([7], [None])]):
        table = pyarrow.table(
            {"sku": skus, "price": pyarrow.array(prices, "float64"), "title": ["t"] * len(skus)}
        )
        pyarrow.parquet.write_table(table, folder / f"items-{number}.parquet")
    return folder


@pytest.fixture
def shop_schema():
    """Give the shop's schema."""
    return read_schema(yaml.safe_load(OWN))


@pytest.fixture(scope="session")
def cards(tmp_path_factory):
    """Give a folder with synthetic transactions."""
    folder = tmp_path_factory.mktemp("cards")
    write_tabformer(folder, rows=6000, users=40, merchants=60, seed=3)
    return folder


@pytest.fixture(scope="session")
def papers(tmp_path_factory):
    """Give a folder in ogbn-mag's layout."""
    return write_mag(tmp_path_factory.mktemp("mag"), papers=300, authors=200, features=6)


@pytest.fixture
def content():
    """Give the function from a folder to its files' bytes by name."""

    def read(folder: Path) -> dict[str, bytes]:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}

    return read
