"""Names find their place among labels known and unknown, with the packaged model."""

import pytest

from sidecar.classification.backend import ClassificationItem, ClassifierBackend
from sidecar.classification.taxonomy_backend import TaxonomyClassifier

TEN = (
    "Produce",
    "Dairy",
    "Meat & Seafood",
    "Bakery",
    "Frozen",
    "Pantry",
    "Snacks",
    "Beverages",
    "Household",
    "Other",
)


async def _best(backend: ClassifierBackend, name: str, labels: tuple[str, ...]) -> str:
    [scores] = await backend.classify([ClassificationItem(name, labels)])
    return max(scores, key=lambda label: scores[label])


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Kumato tomatoes on the vine", "Produce"),
        ("ORG WHL MLK 1GL", "Dairy"),
        ("BNLS SKNLS CHKN BRST", "Meat & Seafood"),
        ("seeded farmhouse loaf", "Bakery"),
        ("frozen stuffed crust pizza", "Frozen"),
        ("fusilli col buco", "Pantry"),
        ("paprika potato crisps", "Snacks"),
        ("blood orange soda", "Beverages"),
        ("pine scented floor cleaner", "Household"),
        ("charcoal whitening toothpaste", "Other"),
    ],
)
async def test_names_that_no_example_spells_find_their_label(
    lexicon: TaxonomyClassifier, name: str, label: str
) -> None:
    assert await _best(lexicon, name, TEN) == label


async def test_labels_of_the_callers_own_making_work(lexicon: TaxonomyClassifier) -> None:
    labels = ("things for the bathroom", "breakfast with the kids", "barbecue on saturday")
    assert await _best(lexicon, "toilet cleaner", labels) == "things for the bathroom"
    assert await _best(lexicon, "frosted corn flakes", labels) == "breakfast with the kids"
    assert await _best(lexicon, "pork spare ribs", labels) == "barbecue on saturday"


async def test_the_narrowest_of_two_fitting_labels_wins(lexicon: TaxonomyClassifier) -> None:
    assert await _best(lexicon, "aged gouda", ("Dairy", "Cheese", "Other")) == "Cheese"
    assert await _best(lexicon, "whole milk", ("Dairy", "Cheese", "Other")) == "Dairy"


async def test_other_takes_what_no_label_fits(lexicon: TaxonomyClassifier) -> None:
    assert await _best(lexicon, "toothpaste", ("Dairy", "Produce", "Misc.")) == "Misc."


async def test_scores_follow_the_labels_order_and_sum_to_1(lexicon: TaxonomyClassifier) -> None:
    many = tuple(f"shelf {number}" for number in range(100))
    for labels in (TEN, TEN[::-1], ("Only",), ("Other",), ("Misc", "Others"), many):
        [scores] = await lexicon.classify([ClassificationItem("oat milk", labels)])
        assert tuple(scores) == labels
        assert sum(scores.values()) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("name", ["🥛", "חלב", "\x00", "x" * 500, "qwzx vbnk"])
async def test_names_that_mean_nothing_to_the_taxonomy_stay_unsure(
    lexicon: TaxonomyClassifier, name: str
) -> None:
    [scores] = await lexicon.classify([ClassificationItem(name, TEN)])
    assert max(scores.values()) < 0.8


async def test_an_answer_does_not_depend_on_what_shares_its_batch(
    lexicon: TaxonomyClassifier,
) -> None:
    items = [
        ClassificationItem("rye bread", TEN),
        ClassificationItem("rye bread", TEN[:3]),
        ClassificationItem("salmon", TEN[::-1]),
    ]
    together = await lexicon.classify(items)
    for item, scores in zip(items, together, strict=True):
        [alone] = await lexicon.classify([item])
        assert scores == pytest.approx(dict(alone), abs=1e-4)


async def test_no_items_have_no_scores(lexicon: TaxonomyClassifier) -> None:
    assert await lexicon.classify([]) == []
