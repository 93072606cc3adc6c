"""Forecast a synthetic week of traffic by the paper's own verbs: integrate, stack_seq_model, cached message passing."""

import numpy as np
import torch

from heddle.data.readers.traffic.read import traffic
from heddle.nn.layers.cheb import ChebConv
from heddle_dgl import DynamicModule, GraphGRU, SnapshotStore, integrate, stack_seq_model

LENGTH, HORIZON, STEPS = 12, 12, 150


def main() -> None:
    """Train a GRU of graph convolutions and compare it with repeating the last value."""
    dataset = traffic(sensors=20, days=2, seed=0)
    speed = np.asarray(dataset.series.values, np.float32)
    mean, deviation = speed[..., :1].mean(), speed[..., :1].std()
    signal = speed.copy()
    signal[..., :1] = (speed[..., :1] - mean) / deviation

    gcrn = integrate(GraphGRU, lambda i, o: ChebConv(i, o, 2, bias=False))  # a GNN into a recurrent cell
    model = stack_seq_model(signal.shape[-1], 1, 1, gcrn, hidden=16)  # cells to an encoder-decoder
    store = SnapshotStore()  # what is aggregated of a snapshot's features is kept
    module = DynamicModule(model, LENGTH, HORIZON, store=store)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)

    windows = np.arange(len(signal) - LENGTH - HORIZON)
    train, test = windows[: int(0.8 * len(windows))], windows[int(0.8 * len(windows)) :]
    truth = torch.from_numpy(signal[..., :1])

    def targets(starts: np.ndarray) -> torch.Tensor:
        return truth[starts[:, None] + LENGTH + np.arange(HORIZON)]

    rng = np.random.default_rng(0)
    for step in range(STEPS):
        starts = rng.choice(train, 16)
        optimizer.zero_grad()
        loss = (module(dataset.graphs, signal, starts) - targets(starts)).abs().mean()
        loss.backward()
        optimizer.step()
        if step % 50 == 49:
            print(f"step {step + 1}: mean absolute error {loss.item() * deviation:.2f}")

    with torch.no_grad():
        error = (module(dataset.graphs, signal, test) - targets(test)).abs().mean().item() * deviation
    last = (truth[test + LENGTH - 1][:, None] - targets(test)).abs().mean().item() * deviation
    print(f"test: {error:.2f}, the last value repeated: {last:.2f}")
    print(f"snapshots found in the store: {store.stats()['hits']} times")


if __name__ == "__main__":
    main()
