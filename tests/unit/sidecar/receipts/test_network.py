"""The network in numpy, as the service runs it, and in torch, as it is trained."""

import random

import numpy as np
import pytest
import torch

from sidecar.receipts.roles.features import Features, features_of
from sidecar.receipts.roles.network import RoleModel, neighbors
from sidecar.receipts.roles.roles import LineClass, Role
from sidecar.receipts.training.compose import compose
from sidecar.receipts.training.labels import IGNORED, Labels
from sidecar.receipts.training.network import RoleNetwork, batch_of
from tests.unit.sidecar.receipts.annotated import tokenized

NAMES = ("OAT MILK", "Rye bread", "TOOTHPASTE 75ML", "牛乳", "Äpfel")


def receipt(seed: int) -> tuple[Features, Labels]:
    text = compose(random.Random(seed), NAMES, ("Corner Shop",), ("12 Main Road",))["text"]
    tokens = tokenized(text)
    labels = Labels(
        tuple(tuple(IGNORED for _ in line) for line in tokens.lines),
        tuple(IGNORED for _ in tokens.lines),
    )
    return features_of(tokens), labels


@pytest.fixture(scope="module")
def network() -> RoleNetwork:
    """A network with random weights, as precise as the file keeps them."""
    torch.manual_seed(7)
    network = RoleNetwork()
    rounded = {name: torch.from_numpy(a.astype(np.float32)) for name, a in network.arrays().items()}
    network.load_state_dict(rounded)
    network.eval()
    return network


def test_both_networks_say_the_same(network: RoleNetwork) -> None:
    model = RoleModel(network.arrays())
    for seed in range(5):
        features, labels = receipt(seed)
        with torch.no_grad():
            roles, classes = network(batch_of([(features, labels)]))
        ours = model.predict(features)
        assert np.allclose(ours.roles, torch.softmax(roles, dim=1).numpy(), atol=1e-4)
        assert np.allclose(ours.lines, torch.softmax(classes, dim=1).numpy(), atol=1e-4)


def test_a_receipt_is_read_alike_alone_and_in_a_batch(network: RoleNetwork) -> None:
    receipts = [receipt(seed) for seed in range(4)]
    with torch.no_grad():
        together, _ = network(batch_of(receipts))
        alone = torch.cat([network(batch_of([one]))[0] for one in receipts])
    assert torch.allclose(together, alone, atol=1e-4)


def test_the_probabilities_of_a_token_and_of_a_line_come_to_one(network: RoleNetwork) -> None:
    features, _ = receipt(11)
    said = RoleModel(network.arrays()).predict(features)
    assert said.roles.shape == (len(features.tokens), len(Role))
    assert said.lines.shape == (len(features.line_figures), len(LineClass))
    assert np.allclose(said.roles.sum(axis=1), 1, atol=1e-5)
    assert np.allclose(said.lines.sum(axis=1), 1, atol=1e-5)


def test_a_token_sees_two_on_each_side_in_its_own_line_alone() -> None:
    features = features_of(tokenized("A B C\nD E"))
    near, _ = neighbors(features)
    assert near.tolist() == [
        [0, 0, 1, 2, 3],
        [0, 1, 2, 3, 0],
        [1, 2, 3, 0, 0],
        [0, 0, 4, 5, 0],
        [0, 4, 5, 0, 0],
    ]


def test_a_line_sees_the_lines_at_growing_distances() -> None:
    features = features_of(tokenized("A\nB\nC\nD\nE"))
    _, around = neighbors(features)
    assert [index[0].tolist() for index in around] == [[0, 1, 2], [0, 1, 3], [0, 1, 5]]
    assert [index[4].tolist() for index in around] == [[4, 5, 0], [3, 5, 0], [1, 5, 0]]
