"""Scores of readings against labels: what counts, what is right, and what is claimed wrongly."""

from typing import Any

from bench.receipt_scores import Score, confidence_row, score_reading, summary
from bench.receipt_texts import same_words

LABEL: dict[str, Any] = {
    "merchant": "Green Valley Market",
    "date": "2026-01-17",
    "total": "7.50",
    "currency": "USD",
    "items": [
        {"name": "WHOLE MILK", "total_price": "5.00"},
        {"name": "BREAD", "total": 2.5},
    ],
}


def money(amount: str, confidence: float = 0.95) -> dict[str, Any]:
    return {"amount": amount, "currency": "USD", "confidence": confidence}


def item(name: str, price: str, confidence: float = 0.95) -> dict[str, Any]:
    return {"parsed_name": name, "total_price": money(price), "confidence": confidence}


def reading(**changed: Any) -> dict[str, Any]:
    return {
        "merchant": {"name": "GREEN VALLEY MARKET", "confidence": 0.95},
        "date": {"value": "2026-01-17", "confidence": 0.95},
        "total": money("7.5"),
        "currency_confidence": 0.95,
        "line_items": [item("WHOLE MILK", "5.00"), item("BREAD", "2.50")],
        "checks": {"matches_total": True},
        **changed,
    }


def test_a_right_reading_is_right_in_everything() -> None:
    score = score_reading(reading(), LABEL)
    assert (score.total, score.date, score.merchant, score.currency) == (True, True, True, True)
    assert (score.hits, score.price_hits, score.silent) == (2, 2, False)
    assert score.all_three
    assert confidence_row("x", [score]).count("100.0 of 1 ") == 4


def test_a_missing_reading_is_wrong_and_claims_nothing() -> None:
    score = score_reading({}, LABEL)
    assert (score.total, score.date, score.merchant, score.currency) == (False,) * 4
    assert (score.other_currency, score.silent, score.extracted) == (False, False, 0)
    assert not any(score.sure.values())


def test_what_the_label_does_not_have_is_not_counted() -> None:
    label = dict.fromkeys(LABEL) | {"total": "7.50"}
    score = score_reading(reading(), label)
    assert score == Score(True, None, None, None, None, 0, 0, 0, 0, {"total": [True]}, None)
    assert summary([score])["total"] == 100


def test_a_wrong_price_under_a_matching_total_is_silent() -> None:
    wrong = reading(line_items=[item("WHOLE MILK", "4.00"), item("BREAD", "3.50", 0.5)])
    score = score_reading(wrong, LABEL)
    assert score.silent
    assert score.sure["items"] == [False]  # the other one is given at a low confidence
    assert not score_reading({**wrong, "checks": {"matches_total": False}}, LABEL).silent


def test_a_wrong_name_is_a_hit_by_price_alone() -> None:
    score = score_reading(reading(line_items=[item("EGGS", "5.00"), item("BREAD", "2.50")]), LABEL)
    assert (score.hits, score.price_hits, score.silent) == (1, 2, False)


def test_each_line_is_matched_once() -> None:
    twice = reading(line_items=[item("BREAD", "2.50"), item("BREAD", "2.50")])
    assert score_reading(twice, LABEL).hits == 1


def test_another_currency_is_told_from_none() -> None:
    label = {**LABEL, "currency": "EUR"}
    assert score_reading(reading(), label).other_currency
    assert score_reading(reading(total=None), label).other_currency is False


def test_a_missing_name_is_not_that_of_a_label_in_another_script() -> None:
    assert not score_reading({}, {**LABEL, "merchant": "ПЯТЁРОЧКА"}).merchant


def test_a_labeled_name_with_a_legal_form_has_the_same_words() -> None:
    label = {**LABEL, "merchant": "Green Valley Market (Holdings) Limited"}
    assert not score_reading(reading(), label).merchant
    assert score_reading(reading(), label, same_words).merchant
