"""The same tables by pandas and by plain DuckDB, beside `heddle data prepare`: CPU time and peak memory.

    python benchmarks/etl_peers.py --rows 2000000 [--memory 1GB]

Each way makes, of the same transactions, what training reads: keys of cards and merchants in order, the ends of every
edge, both orders of the edges (by receiver, by sender, each by time), the time since the last edge of either end, the
amount's logarithm scaled and its quantile bins fitted on the first 80 % of the time, codes of five columns, sine and
cosine of the hour, the weekday and the month, and labels. A way runs in a process of its own; edges, codes and gaps are
compared with those of the prepared folder.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np

from heddle.data.generators import write_tabformer
from heddle.data.prepared import open_prepared

HEDDLE = """
import sys
from heddle.data.etl import Tabformer
Tabformer(sys.argv[1], sys.argv[2], memory=sys.argv[3]).transform()
"""
PANDAS = """
import sys
import numpy as np, pandas as pd
src, out, _ = sys.argv[1:]
t = pd.read_csv(f"{src}/card_transaction.csv", dtype=str, keep_default_na=False)
when = pd.to_datetime(t["Year"] + "-" + t["Month"].str.zfill(2) + "-" + t["Day"].str.zfill(2) + " " + t["Time"])
time = when.to_numpy().astype("datetime64[s]").astype(np.int64)
card, cards = pd.factorize(t["User"] + "/" + t["Card"], sort=True)
shop, shops = pd.factorize(t["Merchant Name"], sort=True)
row = np.arange(len(t))
gaps = {}
for name, mine, other in (("target", shop, card), ("source", card, shop)):
    order = np.lexsort((row, time, mine))
    np.save(f"{out}/by_{name}.npy", np.stack([other[order], order], 1))
    gap = np.diff(time[order], prepend=0).astype(float)
    gap[np.diff(mine[order], prepend=-1) != 0] = np.nan
    gaps[name] = np.empty(len(t)); gaps[name][order] = gap
amount = t["Amount"].str.replace("[$,]", "", regex=True).astype(float).to_numpy()
cut = np.sort(time)[int(np.ceil(0.8 * len(t))) - 1]
train = time <= cut
logs = np.sign(amount) * np.log1p(np.abs(amount))
floats = [(logs - logs[train].mean()) / logs[train].std()]
for part, period in ((time % 86400, 86400), ((time // 86400 + 3) % 7, 7), (when.dt.month.to_numpy() - 1, 12)):
    floats += [np.sin(2 * np.pi * part / period), np.cos(2 * np.pi * part / period)]
for gap in gaps.values():
    floats += [np.log1p(np.nan_to_num(gap)), np.isnan(gap)]
codes = [1 + np.searchsorted(np.quantile(amount[train], np.arange(1, 16) / 16, method="inverted_cdf"), amount)]
for name in ("MCC", "Merchant State", "Merchant City", "Zip", "Errors?"):
    known = np.sort(t[name][train].value_counts().index[:1000])
    codes.append(pd.Index(known).get_indexer(t[name]) + 1)
np.save(f"{out}/ends.npy", np.stack([card, shop], 1))
np.save(f"{out}/x.npy", np.stack(floats, 1).astype(np.float32))
np.save(f"{out}/codes.npy", np.stack(codes, 1).astype(np.int32))
np.save(f"{out}/label.npy", (t["Is Fraud?"] == "Yes").to_numpy())
"""
DUCKDB = """
import sys
import duckdb
src, out, memory = sys.argv[1:]
c = duckdb.connect(f"{out}/work.db", config={"memory_limit": memory, "temp_directory": f"{out}/tmp"})
c.execute("SET enable_progress_bar = false")
run = c.execute
run(f'''CREATE TABLE t AS SELECT row_number() OVER () - 1 AS row, User || '/' || Card AS card, "Merchant Name" AS shop,
  epoch(make_timestamp(Year::INT, Month::INT, Day::INT, split_part(Time, ':', 1)::INT,
  split_part(Time, ':', 2)::INT, 0))::BIGINT AS time,
  replace(replace(Amount, '$', ''), ',', '')::DOUBLE AS amount, coalesce(MCC, '') AS mcc,
  coalesce("Merchant State", '') AS state, coalesce("Merchant City", '') AS city, coalesce(Zip, '') AS zip,
  coalesce("Errors?", '') AS errors, "Is Fraud?" = 'Yes' AS fraud
  FROM read_csv('{src}/card_transaction.csv', all_varchar = true)''')
for key in ("card", "shop"):
    run(f"CREATE TABLE {key}s AS SELECT id, row_number() OVER (ORDER BY id) - 1 AS n "
        f"FROM (SELECT DISTINCT {key} AS id FROM t)")
cut = run("SELECT quantile_disc(time, 0.8) FROM t").fetchone()[0]
log = "sign(amount) * ln(1 + abs(amount))"
mean, std = run(f"SELECT avg({log}), stddev_pop({log}) FROM t WHERE time <= {cut}").fetchone()
parts = [k / 16 for k in range(1, 16)]
edges = run(f"SELECT quantile_disc(amount, {parts}) FROM t WHERE time <= {cut}").fetchone()[0]
names = ("mcc", "state", "city", "zip", "errors")
for name in names:
    run(f"CREATE TABLE c_{name} AS SELECT v, row_number() OVER (ORDER BY v) AS code FROM (SELECT {name} AS v FROM t "
        f"WHERE time <= {cut} GROUP BY v ORDER BY count(*) DESC, v LIMIT 1000)")
run(f'''CREATE TABLE e AS SELECT row, cards.n AS source, shops.n AS target, time, fraud,
  ({log} - {mean}) / {std} AS logged,
  1 + len(list_filter({edges}, lambda b: b < amount)) AS bin,
  {', '.join(f'coalesce(c_{n}.code, 0) AS {n}' for n in names)}
  FROM t JOIN cards ON card = cards.id JOIN shops ON shop = shops.id
  {' '.join(f'LEFT JOIN c_{n} ON t.{n} = c_{n}.v' for n in names)}''')
for by, other in (("target", "source"), ("source", "target")):
    run(f"COPY (SELECT {other}, row FROM e ORDER BY {by}, time, row) TO '{out}/by_{by}.parquet'")
gap = "time - lag(time) OVER (PARTITION BY {0} ORDER BY time, row) AS gap_{0}"
two = 2 * 3.141592653589793
turns = (("time % 86400", 86400), ("(time // 86400 + 3) % 7", 7), ("month(make_timestamp(time * 1000000)) - 1", 12))
waves = ", ".join(f"{wave}({two} * ({part}) / {period})" for part, period in turns for wave in ("sin", "cos"))
run(f'''COPY (SELECT *, {waves} FROM (SELECT *, {gap.format('source')}, {gap.format('target')} FROM e) ORDER BY row)
  TO '{out}/rows.parquet' ''')
"""


def measure(code: str, *arguments: str) -> tuple[float, float, float]:
    """Run Python in a process of its own; return its seconds, its CPU seconds and its peak memory in MB."""
    import time

    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", code, *arguments])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"exit status {process.returncode}")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6


def check(base: Path) -> str:
    """Say whether the ways agree."""
    import pyarrow.parquet as parquet

    edges = open_prepared(base / "heddle").edges["card", "pays", "merchant"]
    ends, codes = np.load(base / "pandas/ends.npy"), np.load(base / "pandas/codes.npy")
    table = parquet.read_table(base / "duckdb/rows.parquet")
    same = np.array_equal(edges.ends, ends) and np.array_equal(edges.features["codes"], codes)
    same &= np.array_equal(table["source"].to_numpy(), ends[:, 0])
    wanted = [table[name].to_numpy() for name in ("bin", "mcc", "state", "city", "zip", "errors")]
    same &= np.array_equal(np.stack(wanted, 1), codes)
    gap = np.log1p(table["gap_source"].to_numpy().astype(float))
    at = edges.columns["x"].index("since.source")
    same &= np.allclose(edges.features["x"][:, at], np.nan_to_num(gap), rtol=1e-6)
    return "the same ends, codes and gaps" if same else "OTHER VALUES"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--memory", default="1GB")
    given = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(", ".join(f"{name} {version(name)}" for name in ("duckdb", "pandas", "pyarrow", "numpy")))
    with tempfile.TemporaryDirectory() as scratch:
        base = Path(scratch)
        write_tabformer(base / "src", given.rows, users=max(10, given.rows // 500), merchants=10_000)
        for name, code in (("heddle", HEDDLE), ("pandas", PANDAS), ("duckdb", DUCKDB)):
            (base / name).mkdir()
            seconds, cpu, peak = measure(code, str(base / "src"), str(base / name), given.memory)
            print(f"{name:7} {seconds:7.1f} s, {cpu:6.1f} s of CPU, peak {peak:6.0f} MB", flush=True)
        print(f"{given.rows:,} rows: {check(base)}")


if __name__ == "__main__":
    main()
