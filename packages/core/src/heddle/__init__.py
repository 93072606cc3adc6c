"""Heddle: one graph, one configuration and one set of weights on every GNN engine.

    import heddle

    run = heddle.train("data=karate", model="gat", **{"trainer.epochs": 50})
    run.metrics["test"]["accuracy"]      # a number for each split and metric
    run                                  # in a notebook: a table and the curves
    other = heddle.train("data=karate", model="gcn", **{"trainer.epochs": 50})
    heddle.compare(run, other)           # metrics, settings that differ, curves
    run.evaluate(backend="jax")          # the same weights on another engine

The words are those of the command line: "GROUP=OPTION" and "KEY=VALUE", by position, by keyword, by **{"a.b": value}.
`heddle --help` lists the groups and the options of every installed plugin, `heddle train --help` every key. What is
wrong raises a `HeddleError`, whose message says what was found, what was expected and what to do. Neither a framework
nor numpy is imported here: each name is loaded on first use.

Runs
    train           train a model and return its Run
    load            open the run in a folder
    compose         the configuration that train would train, a RunConfig
    evaluate        metrics of a trained run, also on another engine or other data
    predict         its predictions for all of the data
    embed           its node embeddings
    boost           boosted trees beside it, on the columns of what it asks about and on its embeddings
    export          the run as a Triton model repository
    serve           a server of it on this machine
    compare         runs beside one another: a Comparison
    sweep           search for good settings: a Search, the best trial first
    bench           how fast the steps of variants are: a Benchmark
    plan            what each device would hold and send: Plans
    Run             folder, config, metrics, history, predictions, weights, report; resume(), evaluate() ...
    RunConfig       all settings of a run, typed and frozen
    Comparison      metrics, settings that differ, curves
    Predictions         predictions of a split beside the truth, as arrays

Graphs
    Graph           one graph or a batch, seven fields; nodes and edges hold arrays, dicts or tuples of them
    HeteroGraph     several types of nodes and edges; EdgeSet: the edges of one type; hetero_graph: makes one
    Dataset         graphs, targets and splits; dataset: reads one, as train does
    prepare         tables to a folder that any engine trains from; append: more rows; generate: synthetic tables
    from_edge_list, from_networkx, from_scipy   graphs of what others use
    validate        a graph, checked: ids in range, counts that add up, no ragged features
    batch, unbatch  several graphs as one, and back
    Budget          sizes to pad to; pad, unpad: a graph in fixed sizes, and back
    Adjacency       edges sorted by receiver, and their transpose
    Snapshot, SnapshotSequence, StaticTopologySignal    graphs in time
    DeltaGraph, EdgeDelta                               a graph that changes

Layers, written once for every engine
    GCN, SAGE, GAT, GIN, ChebConv, GraphNetwork         of one type of edges
    RGCN, HGT, HeteroSAGE                               of several types
    Linear, MLP                                         of nodes alone

Plugins
    load_plugins    what is installed: engines, models, datasets, kernels
    faults          what `heddle doctor` finds wrong with them

Errors
    HeddleError     the base of all; ConfigError: a wrong configuration; errors: the module of the others
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
