"""LinkPredictor: the probability of links from the embeddings of their ends."""

import torch
from torch import Tensor, nn

from heddle_pyg.scripts.batch import TorchBatch


class LinkPredictor(nn.Module):
    """p(u, v) = sigmoid(h_u . h_v), Kipf & Welling, Variational Graph Auto-Encoders (2016), eq. 2.

    Args:
        model: TorchBatch -> node type -> [n, d], such as a HeteroModule.
        logits: return what goes into the sigmoid, for `BCEWithLogitsLoss`.
    """

    def __init__(self, model: nn.Module, logits: bool = False):
        super().__init__()
        self.model, self.logits = model, logits

    @property
    def n_layers(self) -> int:
        """Hops that the model reads."""
        return int(self.model.n_layers)  # type: ignore[arg-type]

    def forward(self, batch: TorchBatch) -> Tensor:
        """Return [m] products of both ends' embeddings for the batch's links, as probabilities unless `logits`."""
        senders, receivers = batch.embeddings(self.model(batch))
        score = (senders * receivers).sum(-1)
        return score if self.logits else torch.sigmoid(score)
