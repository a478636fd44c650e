"""The network, in torch, for training; roles/network.py runs the same in numpy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from sidecar.receipts.roles.features import BUCKETS, LINE_FIGURES, TOKEN_FIGURES, Features
from sidecar.receipts.roles.network import DILATIONS, NEAR, neighbors
from sidecar.receipts.roles.roles import LineClass, Role
from sidecar.receipts.training.labels import IGNORED, Labels

EMBEDDED = 48
HIDDEN = 128
_DROPPED = 0.18
"""Share of the tokens whose letters are not seen in a step: words of other shops will be unknown."""


class RoleNetwork(nn.Module):
    """Tokens see their line by convolution; lines see one another by dilated convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.EmbeddingBag(BUCKETS, EMBEDDED, mode="sum", padding_idx=0)
        nn.init.normal_(self.embedding.weight, std=0.05)
        self.token = nn.Linear(EMBEDDED + TOKEN_FIGURES, HIDDEN)
        self.near = nn.ModuleList(nn.Linear(NEAR * HIDDEN, HIDDEN) for _ in range(2))
        self.line = nn.Linear(2 * HIDDEN + LINE_FIGURES, HIDDEN)
        self.lines = nn.ModuleList(nn.Linear(3 * HIDDEN, HIDDEN) for _ in DILATIONS)
        self.joined = nn.Linear(2 * HIDDEN + LINE_FIGURES, HIDDEN)
        self.roles = nn.Linear(HIDDEN, len(Role))
        self.classes = nn.Linear(HIDDEN, len(LineClass))
        self.dropout = nn.Dropout(0.3)

    def forward(self, batch: "Batch") -> tuple[Tensor, Tensor]:
        """Return logits of roles (tokens, roles) and of line classes (lines, classes)."""
        embedded = self.dropout(self.embedding(batch.ngrams))
        h = torch.relu(self.token(torch.cat([embedded, batch.figures], dim=-1)))
        for layer in self.near:
            h = h + torch.relu(layer(_gather(h, batch.near)))
        count, width = len(batch.line_figures), h.shape[1]
        index = batch.line.unsqueeze(1).expand(-1, width)
        maximum = torch.zeros(count, width).scatter_reduce(0, index, h, "amax")
        tokens = torch.zeros(count, 1).index_add(0, batch.line, torch.ones(len(h), 1))
        mean = torch.zeros(count, width).index_add(0, batch.line, h) / tokens.clamp(min=1)
        g = torch.relu(self.line(torch.cat([maximum, mean, batch.line_figures], dim=-1)))
        for layer, around in zip(self.lines, batch.around, strict=True):
            g = g + torch.relu(layer(_gather(g, around)))
        g = self.dropout(g)
        z = torch.cat([h, g[batch.line], batch.line_figures[batch.line]], dim=-1)
        z = self.dropout(torch.relu(self.joined(z)))
        return self.roles(z), self.classes(g)

    def arrays(self) -> dict[str, npt.NDArray[np.float16]]:
        """Return the weights by name, as the file keeps them."""
        return {k: v.detach().numpy().astype(np.float16) for k, v in self.state_dict().items()}


def _gather(x: Tensor, index: Tensor) -> Tensor:
    """Return each row's neighbors side by side; index 0 is a row of zeros."""
    padded = torch.cat([torch.zeros(1, x.shape[1]), x])
    return padded[index].flatten(1)


@dataclass(frozen=True)
class Batch:
    """The tokens and lines of several receipts, one after the other."""

    ngrams: Tensor
    figures: Tensor
    line_figures: Tensor
    line: Tensor
    near: Tensor
    around: tuple[Tensor, ...]
    roles: Tensor
    classes: Tensor


def batch_of(receipts: Sequence[tuple[Features, Labels]]) -> Batch:
    """Join receipts into one batch."""
    lines = tokens = 0
    line, near, roles, classes = [], [], [], []
    around: list[list[npt.NDArray[np.int64]]] = [[] for _ in DILATIONS]
    for features, labels in receipts:
        here, beside = neighbors(features)
        near.append(np.where(here > 0, here + tokens, 0))
        for k, index in enumerate(beside):
            around[k].append(np.where(index > 0, index + lines, 0))
        line.append(features.line + lines)
        flat = [labels.roles[n][p] for n, p in zip(features.line, features.position, strict=True)]
        roles.append(np.array(flat, dtype=np.int64))
        classes.append(np.array(labels.lines[: len(features.line_figures)], dtype=np.int64))
        lines += len(features.line_figures)
        tokens += len(features.tokens)

    def tensor(arrays: Sequence[npt.NDArray[np.generic]], kind: type = np.int64) -> Tensor:
        return torch.from_numpy(np.concatenate(arrays).astype(kind))

    return Batch(
        tensor([f.ngrams for f, _ in receipts]),
        tensor([f.figures for f, _ in receipts], np.float32),
        tensor([f.line_figures for f, _ in receipts], np.float32),
        tensor(line),
        tensor(near),
        tuple(tensor(index) for index in around),
        tensor(roles),
        tensor(classes),
    )


def train(
    receipts: Sequence[tuple[Features, Labels]], *, epochs: int, seed: int = 0, batch: int = 16
) -> RoleNetwork:
    """Train on labeled receipts: AdamW, one cycle of the learning rate, words dropped at random."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    network = RoleNetwork()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=1e-2)
    steps = epochs * (-(-len(receipts) // batch))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    loss = nn.CrossEntropyLoss(ignore_index=IGNORED, label_smoothing=0.02)
    network.train()
    for _ in range(epochs):
        order = random.permutation(len(receipts))
        for start in range(0, len(order), batch):
            sample = batch_of([receipts[i] for i in order[start : start + batch]])
            kept = random.random((len(sample.ngrams), 1)) > _DROPPED
            sample.ngrams.mul_(torch.from_numpy(kept))
            roles, classes = network(sample)
            error = loss(roles, sample.roles)
            if bool((sample.classes != IGNORED).any()):
                error = error + 0.5 * loss(classes, sample.classes)
            optimizer.zero_grad()
            error.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
    network.eval()
    return network
