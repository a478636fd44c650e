"""Candidates for the total among the printed amounts."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from sidecar.receipts.assignment.evidence import Evidence, evidence_of
from sidecar.receipts.assignment.explain import explanations
from sidecar.receipts.assignment.totals import (
    CANDIDATE_FIGURES,
    TotalCandidate,
    candidates_for_total,
)
from sidecar.receipts.model import receipt_model
from tests.unit.sidecar.receipts.annotated import annotated, tokenized


def candidates(evidence: Evidence) -> dict[Decimal, TotalCandidate]:
    return {c.value: c for c in candidates_for_total(evidence, explanations(evidence))}


def test_the_total_is_a_candidate_with_its_lines_and_the_items_that_come_to_it() -> None:
    evidence = annotated("""
        MILK      3.00 | ni
        RICE      2.00 | ni
        TOTAL     5.00 | .t
        CARD      5.00 | .p
    """)
    total = candidates(evidence)[Decimal(5)]
    assert [evidence.tokens[index].row for index in total.tokens] == [2, 3]
    assert [evidence.tokens[index].text for index in total.explanations[0].items()] == [
        "3.00",
        "2.00",
    ]


def test_an_amount_that_comes_a_cent_short_is_explained() -> None:
    evidence = annotated("MILK 3.00 | ni\nRICE 2.01 | ni\nTOTAL 5.00 | .t")
    assert candidates(evidence)[Decimal(5)].explanations


def test_what_was_paid_less_the_change_is_a_candidate_without_a_word_for_the_total() -> None:
    evidence = annotated(
        """
        MILK      3.00 | ni
        RICE      2.00 | ni
        ????      5.00 | .....
        CASH     20.00 | .p
        CHANGE   15.00 | .g
        """,
        sure=0.9999,
    )
    assert Decimal(5) in candidates(evidence)


def test_a_refund_that_is_printed_with_and_without_its_minus_is_one_candidate() -> None:
    evidence = annotated("TOTAL -45.49 | ..t\nCARD 45.49 | .p")
    assert [abs(value) for value in candidates(evidence)] == [Decimal("45.49")]


@given(
    st.lists(
        st.tuples(st.sampled_from(["MILK", "TOTAL", "CASH", "TAX"]), st.integers(-500, 3000)),
        min_size=1,
        max_size=30,
    )
)
def test_every_candidate_is_printed_and_its_explanations_come_to_it(
    lines: list[tuple[str, int]],
) -> None:
    text = "\n".join(f"{word}  {Decimal(cents) / 100:.2f}" for word, cents in lines)
    evidence = evidence_of(tokenized(text), receipt_model().roles)
    printed = {abs(value) for _, _, value in evidence.amounts()}
    found = candidates_for_total(evidence, explanations(evidence))
    assert len({c.value for c in found}) == len(found) <= 12
    for candidate in found:
        assert abs(candidate.value) in printed
        assert len(candidate.figures) == CANDIDATE_FIGURES
        assert {abs(evidence.tokens[i].value or 0) for i in candidate.tokens} == {
            abs(candidate.value)
        }
        for explanation in candidate.explanations:
            values = [
                -abs(evidence.tokens[i].value or Decimal(0))
                if role.name == "DISCOUNT"
                else evidence.tokens[i].value or Decimal(0)
                for i, role in explanation.parts
            ]
            assert abs(sum(values, Decimal(0)) - candidate.value) <= Decimal("0.01")
