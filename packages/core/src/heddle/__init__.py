"""Heddle: one graph, one configuration and one set of weights on every GNN engine.

    import heddle

    run = heddle.train("data=karate", model="gat", **{"trainer.epochs": 50})
    run.metrics["test"]["accuracy"]      # a number for each split and metric
    run                                  # in a notebook: a table and the curves
    other = heddle.train("data=karate", model="gcn", **{"trainer.epochs": 50})
    heddle.compare(run, other)           # metrics, settings that differ, curves
    heddle.evaluate(run, backend="jax")  # the same weights on another engine

The words are those of the command line: "GROUP=OPTION" and "KEY=VALUE", by position, by keyword, by **{"a.b": value}.
`heddle --help` lists the groups and the options of every installed plugin, `heddle train --help` every key.

"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
