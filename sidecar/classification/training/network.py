"""Trains the n-gram model with torch."""

import random
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sidecar.classification.training.examples import NameExample, Spellings
from sidecar.text.ngrams import BUCKETS, features

WIDTH: Final = 64
_BATCH: Final = 256
_LEARNING_RATE: Final = 0.02
_LISTED_WEIGHT: Final = 6.0
"""Of a listed name, to a USDA name's 1."""


class _Network(nn.Module):
    def __init__(self, subcategories: int) -> None:
        super().__init__()
        self.vectors = nn.EmbeddingBag(BUCKETS, WIDTH, mode="mean", sparse=True)
        self.output = nn.Linear(WIDTH, subcategories)
        nn.init.uniform_(self.vectors.weight, -1 / WIDTH, 1 / WIDTH)
        nn.init.zeros_(self.output.weight)

    def forward(self, buckets: Tensor, starts: Tensor) -> Tensor:
        logits: Tensor = self.output(self.vectors(buckets, starts))
        return logits


def train(
    examples: Sequence[NameExample], subcategories: int, epochs: int, seed: int
) -> dict[str, NDArray[np.generic]]:
    """Return the arrays of an NgramModel.

    The loss of a name is -log of the summed probability of the sub-categories that it may belong
    to; of nonsense, the cross-entropy to the uniform distribution.
    """
    torch.manual_seed(seed)
    network = _Network(subcategories)
    optimizers = (
        torch.optim.SparseAdam(list(network.vectors.parameters()), lr=_LEARNING_RATE),
        torch.optim.Adam(network.output.parameters(), lr=_LEARNING_RATE),
    )
    spellings = Spellings(seed)
    steps = epochs * -(-len(examples) // _BATCH)
    for step, batch in enumerate(_batches(examples, epochs, random.Random(seed))):
        loss = _loss(network, batch, spellings, subcategories)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = _LEARNING_RATE * (1 - step / steps)
            optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        for optimizer in optimizers:
            optimizer.step()  # type: ignore[no-untyped-call]
    return _arrays(network)


def _loss(
    network: _Network, batch: Sequence[NameExample], spellings: Spellings, subcategories: int
) -> Tensor:
    buckets: list[int] = []
    starts: list[int] = []
    meant = torch.zeros(len(batch), subcategories)
    weights = torch.ones(len(batch))
    for row, example in enumerate(batch):
        starts.append(len(buckets))
        name = spellings.vary(example.name, example.language) if example.language else example.name
        buckets += features(name)
        meant[row, list(example.subcategories)] = 1
        weights[row] = _LISTED_WEIGHT if example.language else 1
    logs = torch.log_softmax(network(torch.tensor(buckets), torch.tensor(starts)), dim=1)
    known = meant.sum(dim=1) > 0
    inside = torch.logsumexp(logs.masked_fill(meant == 0, -1e9), dim=1)
    losses = -torch.where(known, inside, logs.mean(dim=1))
    return (losses * weights).sum() / weights.sum()


def _batches(
    examples: Sequence[NameExample], epochs: int, chance: random.Random
) -> Iterator[Sequence[NameExample]]:
    order = list(examples)
    for _ in range(epochs):
        chance.shuffle(order)
        for start in range(0, len(order), _BATCH):
            yield order[start : start + _BATCH]


def _arrays(network: _Network) -> dict[str, NDArray[np.generic]]:
    vectors = network.vectors.weight.detach().numpy()
    scale = float(np.quantile(np.abs(vectors), 0.9995)) / 127
    return {
        "vectors": np.clip(np.rint(vectors / scale), -127, 127).astype(np.int8),
        "scale": np.array(scale, dtype=np.float32),
        "weights": network.output.weight.detach().numpy().T.astype(np.float16),
        "bias": network.output.bias.detach().numpy().astype(np.float16),
    }
