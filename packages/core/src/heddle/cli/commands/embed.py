"""`heddle embed`: a trained run's embeddings of what it asks about, each as of its question's time."""

from collections.abc import Sequence

from heddle.errors import ConfigError, problem

HELP = """\
Usage: heddle embed run=RUN [out=FOLDER] [data.KEY=VALUE | backend=OPTION ...]

Writes a trained run's embeddings to RUN/embeddings, or out, as Parquet: of nodes TYPE.parquet with the columns id (the
row) and embedding; of edges rows/source.parquet and rows/target.parquet, a row for each edge. Where the data has times,
each is as of the time of its question: nothing newer is in it. It needs the extra etl (pyarrow).

  heddle embed run=runs/mine out=embeddings
"""


def run(arguments: Sequence[str]) -> int:
    """Write the embeddings and print their folder; return 0.

    Raises:
        HeddleError: no run, or one about something else than nodes or edges.
    """
    from pathlib import Path

    from heddle.api.again import embedded_rows

    given = {
        key: next((w[len(key) + 1 :] for w in arguments if w.startswith(f"{key}=")), "")
        for key in ("run", "out")
    }
    if not given["run"]:
        raise ConfigError(problem("run", "none", "a trained run's folder", "write run=runs/NAME"))
    folder = Path(given["run"])
    out = Path(given["out"]) if given["out"] else folder / "embeddings"
    overrides = [word for word in arguments if word.partition("=")[0] not in given]
    embedded_rows(folder, overrides, {}, out)
    print(out)
    return 0
