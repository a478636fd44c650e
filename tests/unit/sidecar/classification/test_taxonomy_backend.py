"""Names are classified into known and unknown labels, with the packaged model."""

import pytest

from sidecar.classification.backend import ClassificationItem, ClassifierBackend
from sidecar.classification.taxonomy_backend import TaxonomyClassifier
from sidecar.embedding.batching import reading_cost

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
async def test_names_that_are_no_exemplar_get_the_right_label(
    classifier: TaxonomyClassifier, name: str, label: str
) -> None:
    assert await _best(classifier, name, TEN) == label


async def test_labels_cost_something_until_they_are_known(
    classifier: TaxonomyClassifier,
) -> None:
    label = "everything for the cat of the neighbours"
    items = [ClassificationItem(name, (label, "Other")) for name in ("tuna in jelly", "litter")]
    names = reading_cost([item.name for item in items])
    assert classifier.cost(items) == names + reading_cost([label, "Other"])
    await classifier.classify(items)
    assert classifier.cost(items) == names


async def test_arbitrary_labels_work(classifier: TaxonomyClassifier) -> None:
    labels = ("things for the bathroom", "breakfast with the kids", "barbecue on saturday")
    assert await _best(classifier, "toilet cleaner", labels) == "things for the bathroom"
    assert await _best(classifier, "frosted corn flakes", labels) == "breakfast with the kids"
    assert await _best(classifier, "pork spare ribs", labels) == "barbecue on saturday"


async def test_the_narrowest_matching_label_wins(classifier: TaxonomyClassifier) -> None:
    assert await _best(classifier, "aged gouda", ("Dairy", "Cheese", "Other")) == "Cheese"
    assert await _best(classifier, "whole milk", ("Dairy", "Cheese", "Other")) == "Dairy"


async def test_the_catch_all_label_gets_what_no_label_fits(
    classifier: TaxonomyClassifier,
) -> None:
    assert await _best(classifier, "toothpaste", ("Dairy", "Produce", "Misc.")) == "Misc."


async def test_scores_keep_the_labels_order_and_sum_to_1(
    classifier: TaxonomyClassifier,
) -> None:
    many = tuple(f"shelf {number}" for number in range(100))
    for labels in (TEN, TEN[::-1], ("Only",), ("Other",), ("Misc", "Others"), many):
        [scores] = await classifier.classify([ClassificationItem("oat milk", labels)])
        assert tuple(scores) == labels
        assert sum(scores.values()) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("name", ["🥛", "რძე", "\x00", "x" * 500, "qwzx vbnk"])
async def test_unknown_names_have_low_confidence(classifier: TaxonomyClassifier, name: str) -> None:
    [scores] = await classifier.classify([ClassificationItem(name, TEN)])
    assert max(scores.values()) < 0.8


async def test_scores_do_not_depend_on_the_rest_of_the_batch(
    classifier: TaxonomyClassifier,
) -> None:
    items = [
        ClassificationItem("rye bread", TEN),
        ClassificationItem("rye bread", TEN[:3]),
        ClassificationItem("salmon", TEN[::-1]),
    ]
    together = await classifier.classify(items)
    for item, scores in zip(items, together, strict=True):
        [alone] = await classifier.classify([item])
        assert scores == pytest.approx(dict(alone), abs=1e-4)


async def test_no_items_give_no_scores(classifier: TaxonomyClassifier) -> None:
    assert await classifier.classify([]) == []
