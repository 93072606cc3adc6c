"""Integrated gradients the slow way: torch's gradients in float64 at many steps of the path, node by node."""

import numpy as np
import torch

from heddle.nn.heads import EdgeHead, NodeHead, NodeMLP


def by_steps(scorer, question, weights, steps=4000):
    """Return (source -> [n, in] what each input brought, score, baseline), of outputs times weights.

    A message is followed from its sender to its receiver one edge after the other, as the formulas are written.
    """
    plan, sample = scorer.plan, question.sample
    hops = len(plan.layers)
    alpha = (torch.arange(steps + 2, dtype=torch.float64) - 0.5) / steps
    alpha[0], alpha[-1] = 0.0, 1.0  # the ends of the path, for score and baseline
    made = {("node", name): of.embedded(plan.nodes[name]) for name, of in question.nodes.items()}
    made |= {("edge", key): of.embedded(plan.edges[key]) for key, of in question.edges.items()}
    for node_type, ids in sample.nodes.items():
        if ("node", node_type) not in made:
            made["node", node_type] = np.eye(len(ids))  # which node it is
    head, params = scorer.model.head, {name: tensor(of) for name, of in scorer.head_params.items()}
    if question.asked is not None:
        tables = [np.asarray(scorer.head_params[f"codes.{i}"]) for i in range(len(head.asked_codes))]
        made["asked", ""] = question.asked.embedded(tables)
    inputs = {
        source: (alpha[:, None, None] * torch.tensor(of)).requires_grad_() for source, of in made.items()
    }

    def product(node_type, matrix, at):
        x = inputs["node", node_type][:, at]
        if node_type in plan.nodes:
            return x @ tensor(matrix)
        ids, table = sample.nodes[node_type], tensor(matrix)
        rows = torch.stack([table[i] if i < len(table) else torch.zeros(table.shape[1]) for i in ids])
        return x @ rows.to(torch.float64)

    def embedded(layer, node_type, at):
        terms, edges = plan.layers[layer].terms, plan.layers[layer].edges
        total = torch.zeros(len(alpha), 1, dtype=torch.float64)
        if node_type in terms.biases:
            total = total + tensor(terms.biases[node_type])
        if node_type in terms.roots:
            total = total + (
                embedded_on(layer - 1, node_type, at) @ tensor(terms.roots[node_type])
                if layer
                else product(node_type, terms.roots[node_type], at)
            )
        for relation in sample.edges:
            if relation[2] != node_type:
                continue
            counts, hop = sample.edges_per_hop[relation], hops - 1 - layer
            first = sum(counts[:hop])
            mine = [e for e in range(first, first + counts[hop]) if int(sample.receivers[relation][e]) == at]
            for e in mine:
                if relation in terms.weights:
                    sender, weight = int(sample.senders[relation][e]), terms.weights[relation]
                    sent = (
                        embedded_on(layer - 1, relation[0], sender) @ tensor(weight)
                        if layer
                        else product(relation[0], weight, sender)
                    )
                    total = total + sent / len(mine)
                if relation in edges:
                    total = total + inputs["edge", relation][:, e] @ tensor(edges[relation]) / len(mine)
        return total

    kept = {}

    def embedded_on(layer, node_type, at):
        if (layer, node_type, at) not in kept:
            kept[layer, node_type, at] = torch.relu(embedded(layer, node_type, at))
        return kept[layer, node_type, at]

    ends = [embedded(hops - 1, node_type, at) for node_type, at in question.ends]
    if isinstance(head, NodeHead):
        out = ends[0]
    elif isinstance(head, NodeMLP):
        hidden = torch.relu(torch.relu(ends[0]) @ params["0.weight"] + params["0.bias"])
        out = hidden @ params["1.weight"] + params["1.bias"]
    else:
        assert isinstance(head, EdgeHead)
        row = torch.cat([*ends, *([inputs["asked", ""][:, 0]] if question.asked is not None else [])], dim=1)
        out = torch.relu(row @ params["0.weight"] + params["0.bias"]) @ params["1.weight"] + params["1.bias"]
    scores = out @ torch.tensor(weights)
    scores[1:-1].sum().backward()
    brought = {
        source: np.array(made[source]) * of.grad[1:-1].mean(0).numpy()
        for source, of in inputs.items()
        if of.grad is not None
    }
    return brought, scores[-1].item(), scores[0].item()


def tensor(array):
    """Return an array as a float64 tensor."""
    return torch.tensor(np.array(np.asarray(array), np.float64, subok=False))
