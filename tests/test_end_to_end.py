"""`heddle train` on every kind of task with the PyG engine: it learns, and beats what doesn't see the graph."""

import pytest

NODE_MODELS = {
    "gcn": [],
    "sage": [],
    "gat": ["optim.lr=0.02", "trainer.epochs=60"],
    "gin": ["model.layers=2"],
    "cheb": [],
    "diffusion": [],
    "graph_network": [],
}


@pytest.mark.parametrize("model", NODE_MODELS)
def test_node_models_beat_features_alone(train, model):
    alone = train("model=mlp", "trainer.epochs=30", folder="mlp")["test"]["accuracy"]
    metrics = train(f"model={model}", "trainer.epochs=30", *NODE_MODELS[model])
    assert metrics["test"]["accuracy"] > alone + 0.05


def test_heterogeneous_nodes(train):
    assert train("data=mag", "model=rgcn", "trainer.epochs=30")["test"]["accuracy"] > 0.3  # 8 venues


def test_graph_classification(train, shared_data):
    metrics = train(
        "data=tu", "data.name=MUTAG", f"data.root={shared_data / 'tu'}", "model=gin", "trainer.epochs=20"
    )
    assert metrics["train"]["accuracy"] > 0.8


def test_graph_regression(train, shared_data):
    arguments = [
        "data=ogb",
        "data.name=ogbg_molfreesolv",
        f"data.root={shared_data / 'ogb'}",
        "model=graph_network",
    ]
    metrics = train(*arguments, "trainer.epochs=5")
    assert metrics["train"]["rmse"] < 3.5  # the targets' standard deviation is 3.8


def test_links(train):
    assert (
        train("data=karate", "task=link_prediction", "model=gcn", "trainer.epochs=20")["train"]["auroc"] > 0.6
    )


def test_typed_links(train, shared_data):
    arguments = [
        "data=triples",
        "data.name=umls",
        f"data.root={shared_data / 'kg'}",
        "model=rgcn",
        "trainer.epochs=1",
    ]
    assert train(*arguments)["test"]["mrr"] > 0.1  # by chance: about 0.04


@pytest.mark.slow
def test_cora_reaches_the_papers_accuracy(train, shared_data):
    arguments = ["data=planetoid", "data.name=cora", f"data.root={shared_data / 'planetoid'}", "model=gcn"]
    metrics = [train(*arguments, f"seed={seed}", folder=f"run{seed}") for seed in range(3)]
    assert sum(of["test"]["accuracy"] for of in metrics) / 3 >= 0.81


@pytest.mark.slow
def test_aifb_reaches_the_papers_accuracy(train, shared_data):
    arguments = ["data=rdf", "data.name=aifb", f"data.root={shared_data / 'rdf'}", "model=rgcn"]
    assert train(*arguments)["test"]["accuracy"] >= 0.93
