"""The search for choices of roles that come to a sum."""

import itertools
import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.receipts.assignment.evidence import Evidence
from sidecar.receipts.assignment.explain import SCALE, Explanation, explanations, likeliest
from sidecar.receipts.roles.features import features_of
from sidecar.receipts.roles.roles import LineClass, Role
from tests.unit.sidecar.receipts.annotated import annotated, tokenized

SIGNS = {Role.ITEM: 1, Role.DISCOUNT: -1, Role.CHARGE: 1, Role.TAX: 1}


def contribution(evidence: Evidence, parts: tuple[tuple[int, Role], ...]) -> int:
    """Return what parts come to, in thousandths."""
    total = Decimal(0)
    for index, role in parts:
        value = evidence.tokens[index].value
        assert value is not None
        total += -abs(value) if role is Role.DISCOUNT else value
    return int(total * SCALE)


def named(evidence: Evidence, explanation: Explanation) -> list[tuple[str, str]]:
    return [(evidence.tokens[index].text, role.name) for index, role in explanation.parts]


AMOUNTS = st.lists(
    st.tuples(
        st.integers(-300, 2000).filter(bool).map(lambda cents: f"{Decimal(cents) / 100:.2f}"),
        st.lists(st.floats(0.001, 1), min_size=len(Role), max_size=len(Role)),
    ),
    min_size=1,
    max_size=6,
)


def random_evidence(amounts: list[tuple[str, list[float]]], per_line: int) -> Evidence:
    """Return lines of a name and amounts; each amount has the weights as probabilities."""
    chunks = [amounts[i : i + per_line] for i in range(0, len(amounts), per_line)]
    receipt = tokenized("\n".join("SOAP " + " ".join(a for a, _ in chunk) for chunk in chunks))
    features = features_of(receipt)
    roles = np.zeros((len(features.tokens), len(Role)), dtype=np.float32)
    roles[:, Role.NAME] = 1.0
    weights = iter(weights for _, weights in amounts)
    for index, token in enumerate(features.tokens):
        if token.value is not None:
            roles[index] = next(weights)
            roles[index] /= roles[index].sum()
    classes = np.full((len(receipt.lines), len(LineClass)), 0.2, dtype=np.float32)
    return Evidence(receipt, features, roles, classes)


@given(AMOUNTS, st.integers(1, 3))
def test_the_parts_of_every_explanation_come_to_its_sum(
    amounts: list[tuple[str, list[float]]], per_line: int
) -> None:
    evidence = random_evidence(amounts, per_line)
    found = explanations(evidence)
    assert found
    for total, ranked in found.items():
        assert 1 <= len(ranked) <= 2
        assert [e.score for e in ranked] == sorted((e.score for e in ranked), reverse=True)
        for explanation in ranked:
            assert contribution(evidence, explanation.parts) == total
            indices = [index for index, _ in explanation.parts]
            assert len(indices) == len(set(indices)), "an amount has one role"


@given(AMOUNTS.map(lambda amounts: amounts[:4]))  # few enough for all sums to be kept
def test_the_likeliest_explanation_of_every_sum_is_found(
    amounts: list[tuple[str, list[float]]],
) -> None:
    evidence = random_evidence(amounts, per_line=1)
    found = explanations(evidence)
    best = by_brute_force(evidence)
    top = max(best.values())
    for total, score in best.items():
        if score > top - 6:  # far less likely ones are dropped during the search
            assert found[total][0].score == pytest.approx(score, abs=1e-3)


def by_brute_force(evidence: Evidence) -> dict[int, float]:
    """Return the log probability ratio of the likeliest choice for each sum."""
    choices = []
    for index, _, _ in evidence.amounts():
        probabilities = evidence.roles[index].astype(float)
        nothing = max(p for role, p in enumerate(probabilities) if role not in SIGNS)
        nothing = max(nothing, probabilities[Role.TAX])  # a tax that the prices include
        likeliest_role = max(probabilities.max(), nothing)
        options: list[tuple[tuple[tuple[int, Role], ...], float]] = [
            ((), math.log(nothing / likeliest_role))
        ]
        for role in SIGNS:
            added_tax = math.log(0.4) if role is Role.TAX else 0.0
            ratio = math.log(probabilities[role] / likeliest_role) + added_tax
            options.append((((index, role),), ratio))
        choices.append([option for option in options if option[1] > math.log(1e-3) - 1])
    best: dict[int, float] = {}
    for choice in itertools.product(*choices):
        total = contribution(evidence, tuple(part for parts, _ in choice for part in parts))
        score = sum(score for _, score in choice)
        best[total] = max(score, best.get(total, -math.inf))
    return best


RECEIPT = annotated("""
    OAT MILK    3.00   | nni
    COUPON     -1.00   | ..d
    RICE        2.00   | ni
    SUBTOTAL    4.00   | .s
    DELIVERY    0.50   | .c
    VAT         0.30   | .x
    TOTAL       4.50   | .t
    CASH        5.00   | .p
    CHANGE      0.50   | .g
""")


def test_a_receipt_is_explained_by_its_items_discounts_and_charges() -> None:
    first = explanations(RECEIPT)[4500][0]
    assert named(RECEIPT, first) == [
        ("3.00", "ITEM"),
        ("1.00", "DISCOUNT"),
        ("2.00", "ITEM"),
        ("0.50", "CHARGE"),
    ]
    assert first.items() == (2, 7)


def test_a_tax_may_be_added_or_be_included() -> None:
    found = explanations(RECEIPT)
    assert ("0.30", "TAX") in named(RECEIPT, found[4800][0])
    assert ("0.30", "TAX") not in named(RECEIPT, found[4500][0])
    assert found[4800][0].score < found[4500][0].score


@pytest.mark.parametrize(
    ("line", "roles"), [("OFF 1.00", ".d"), ("OFF -1.00", "..d"), ("OFF 1.00-", ".d.")]
)
def test_a_discount_is_subtracted_whatever_its_sign(line: str, roles: str) -> None:
    evidence = annotated(f"MILK 3.00 | ni\n{line} | {roles}")
    assert max(explanations(evidence).items(), key=lambda found: found[1][0].score)[0] == 2000


def test_the_likeliest_roles_need_not_come_to_anything() -> None:
    assert named(RECEIPT, likeliest(RECEIPT)) == [
        ("3.00", "ITEM"),
        ("1.00", "DISCOUNT"),
        ("2.00", "ITEM"),
        ("0.50", "CHARGE"),
    ]


def test_a_line_has_one_price() -> None:
    evidence = annotated("MILK 3.00 6.00 | nii", sure=0.6)
    assert len(likeliest(evidence).items()) == 1
    assert len(explanations(evidence)[9000][0].items()) == 1


def test_a_receipt_without_amounts_comes_to_nothing() -> None:
    evidence = annotated("THANK YOU | ..")
    assert {total: ranked[0].parts for total, ranked in explanations(evidence).items()} == {0: ()}
    assert likeliest(evidence).parts == ()


def test_many_amounts_are_explained_in_bounded_time() -> None:
    lines = "\n".join(f"SOAP {n}.{n % 90 + 10} {n + 1}.05 | nii" for n in range(1, 120))
    found = explanations(annotated(lines, sure=0.4))
    assert 0 < len(found) <= 1000
