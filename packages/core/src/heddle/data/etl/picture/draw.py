"""draw_tables: the picture of a prepared folder's tables, written to a file."""

from pathlib import Path

from heddle.atomic import write_text
from heddle.data.etl.picture.facts import table_facts
from heddle.data.etl.picture.svg import to_html, to_svg
from heddle.data.prepared.read import open_prepared
from heddle.errors import ConfigError, problem


def draw_tables(root: str | Path, out: str | Path) -> Path:
    """Draw the tables of a prepared folder into `out`, an .svg or .html, and return it.

    Raises:
        ConfigError: a file of another ending, or in no folder.
        DataError: no prepared folder, or one that keeps no tables.
    """
    path = Path(out).expanduser()
    if path.suffix not in (".svg", ".html") or not path.parent.is_dir():
        expected = "a file of an existing folder that ends in .svg or .html"
        raise ConfigError(problem("out", str(out), expected, "rename it"))
    facts = table_facts(open_prepared(root))
    write_text(path, to_svg(facts) if path.suffix == ".svg" else to_html(facts))
    return path
