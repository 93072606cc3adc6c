"""Every shipped model on real data of its kind, with its own default settings, beside what the literature has.

    python benchmarks/models.py FOLDER [--out benchmarks/results/models.txt] [--only acm gcn acm/hgt ...] [--again]

FOLDER holds planetoid/, hetero/, rdf/, tu/, ogb/, kg/ and temporal/. Each row is `heddle train` with the words at its
end and nothing else, once for each seed (or fold): mean and standard deviation of the test split, the mean of the
validation split, by which the epoch was chosen, and CPU seconds of a run on one thread. A row is written as soon as
it is known, and those that are in the file already stay, unless --again: a run that was stopped goes on. "-" is where
nothing is published for the same data, split and metric. Settings were chosen on validation splits alone.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import NamedTuple

import numpy as np

import heddle


class Case(NamedTuple):
    """A data set.

    Attributes:
        overrides: the options of `heddle train`; {root} is the folder, {seed} the seed, or the fold.
        metric: that is recorded.
        published: model -> number and where it is from; a model that isn't named here isn't run.
        seeds: how many, or how many folds.
        chosen: model -> further options, chosen on the validation split.
    """

    overrides: str
    metric: str
    published: dict[str, str]
    seeds: int = 3
    chosen: Mapping[str, str] = {}


KIPF, HECO, OGB = "Kipf & Welling 2017", "HAN in Wang et al. 2021", "GIN in Hu et al. 2020"
FORECASTS = ("gcrn-gru", "gcrn-lstm", "gcrn-rnn", "dcrnn", "tgcn", "a3tgcn", "evolvegcn")
CASES = {
    "acm": Case(
        "data=heco data.name=acm data.root={root}/hetero/acm data.labels_per_class=60",
        "f1",
        dict.fromkeys(("rgcn", "hetero_sage", "hgt"), f"0.884 {HECO}"),
    ),
    "dblp": Case(
        "data=heco data.name=dblp data.root={root}/hetero/dblp data.labels_per_class=60 data.features=[]",
        "f1",
        dict.fromkeys(("rgcn", "hetero_sage", "hgt"), f"0.892 {HECO}"),
        chosen={"hgt": "optim.weight_decay=0.003 optim.weight_decay_on=encoder.in.*"},
    ),
    "cora": Case(
        "data=planetoid data.root={root}/planetoid",
        "accuracy",
        {
            "gcn": f"0.815 {KIPF}",
            "gat": "0.830 Velickovic et al. 2018",
            "cheb": f"0.795 {KIPF}",
            "sage": "0.789 in Feng et al. 2020",
            "mlp": f"0.551 {KIPF}",
            "gin": "-",
            "diffusion": "-",
            "graph_network": "-",
        },
        chosen={"graph_network": "model.dropout=0.5 optim.weight_decay=0.0005"},
    ),
    "aifb": Case(
        "data=rdf data.name=aifb data.root={root}/rdf/aifb",
        "accuracy",
        {"rgcn": "0.958 Schlichtkrull et al. 2018", "hetero_sage": "-", "hgt": "-"},
    ),
    "mutag": Case(
        "data=tu data.name=MUTAG data.root={root}/tu/MUTAG data.folds=10 data.fold={seed}",
        "accuracy",
        {"gin": "0.894 Xu et al. 2019", "graph_network": "-"},
        seeds=10,
    ),
    "molesol": Case(
        "data=ogb data.name=ogbg_molesol data.root={root}/ogb/ogbg_molesol",
        "rmse",
        {"gin": f"1.173 {OGB}", "graph_network": "-"},
    ),
    "umls": Case(
        "data=triples data.name=umls data.root={root}/kg/umls",
        "mrr",
        {"rgcn": "-"},
    ),
    "chickenpox": Case(
        "backend=dgl-dynamic data=temporal data.root={root}/temporal task.length=8 task.horizon=1",
        "mae",
        dict.fromkeys(FORECASTS, "-"),
        seeds=1,
    ),
}
LINE = "{:11} {:14} {:9} {:>7} {:>7} {:>6} {:>8} {:>7}  {:32} {}"
HEAD = LINE.format(
    "data", "model", "metric", "test", "sd", "seeds", "valid", "CPU s", "published", "heddle train"
)


def measured(name: str, model: str, root: Path) -> str:
    """Train a model on a data set once for each seed, and return its row."""
    case, tests, valids = CASES[name], [], []
    template = f"model={model} {case.overrides} {case.chosen.get(model, '')}".split()
    began = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(case.seeds):
            arguments = [word.format(root=root, seed=seed) for word in template]
            arguments += [f"seed={seed}", f"run.dir={folder}/{seed}", "trainer.progress=false"]
            arguments += ["task.baselines=false", "task.intervals=0", "backend.threads=1"]
            with redirect_stdout(sys.stderr):
                metrics = heddle.train(*arguments).metrics
            tests.append(metrics["test"][case.metric])
            valids.append(metrics.get("valid", {}).get(case.metric, float("nan")))
    spent = (time.process_time() - began) / case.seeds
    shown = " ".join(template).replace("{root}", "DATA").replace("{seed}", "FOLD")
    deviation = np.std(tests, ddof=1) if len(tests) > 1 else float("nan")
    cells = f"{np.mean(tests):.4f}", f"{deviation:.4f}", case.seeds, f"{np.mean(valids):.4f}", f"{spent:.0f}"
    return LINE.format(name, model, case.metric, *cells, case.published[model], shown)


def main(folder: Path, out: Path | None, only: list[str], again: bool) -> int:
    """Measure what isn't in the file yet, and print all of it."""
    os.nice(10)
    rows: dict[tuple[str, str], str] = {}
    above: list[str] = []
    if out is not None and out.is_file():
        text = out.read_text().splitlines()
        above = text[: text.index(HEAD)] if HEAD in text else []
        actual = [line for line in text if line.split()[:1] and line.split()[0] in CASES]
        rows = {(line.split()[0], line.split()[1]): line for line in actual}
    for name, case in CASES.items():
        for model in case.published:
            wanted = not only or {name, model, f"{name}/{model}"} & set(only)
            if not wanted or ((name, model) in rows and not again):
                continue
            rows[name, model] = measured(name, model, folder)
            print(rows[name, model], file=sys.stderr, flush=True)
            if out is not None:
                out.write_text("\n".join([*above, *lines(rows)]) + "\n")
    print("\n".join(lines(rows)))
    return 0


def lines(rows: dict[tuple[str, str], str]) -> list[str]:
    """Return the table, in the order of CASES."""
    order = [(name, model) for name, case in CASES.items() for model in case.published]
    return [HEAD, *(rows[key] for key in order if key in rows)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, help="file of rows, read first and written after each")
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="models, data sets, DATA/MODEL")
    parser.add_argument("--again", action="store_true", help="measure again what the file has")
    sys.exit(main(**vars(parser.parse_args())))
