"""Names are classified in all languages, with labels in English and in the names' language.

The names, and the labels' names, were written apart from the taxonomy's; the model learned nothing
from them.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sidecar.classification.backend import ClassificationItem, Scores
from sidecar.classification.schemas import HIGH_CONFIDENCE
from sidecar.classification.taxonomy_backend import TaxonomyClassifier

FOLDER = Path(__file__).parents[3] / "corpus" / "languages"
LABELS: dict[str, dict[str, str]] = json.loads((FOLDER / "label_names.json").read_text())
TEN = tuple(LABELS["de"])
NAMES: dict[str, list[dict[str, str]]] = defaultdict(list)
for _line in (FOLDER / "everyday_names.jsonl").read_text().splitlines():
    NAMES[json.loads(_line)["language"]].append(json.loads(_line))


def _best(scores: Sequence[Scores]) -> list[tuple[str, float]]:
    return [max(own.items(), key=lambda pair: pair[1]) for own in scores]


@pytest.mark.parametrize("language", sorted(NAMES))
async def test_everyday_names_of_a_language(classifier: TaxonomyClassifier, language: str) -> None:
    rows = NAMES[language]
    found = _best(await classifier.classify([ClassificationItem(row["name"], TEN) for row in rows]))
    hits = np.array([label == row["label"] for (label, _), row in zip(found, rows, strict=True)])
    sure = np.array([confidence >= HIGH_CONFIDENCE for _, confidence in found])
    assert hits.mean() >= 0.9
    assert hits[sure].mean() >= 0.93
    assert sure.mean() >= 0.8


@pytest.mark.parametrize("language", sorted(LABELS))
async def test_labels_in_the_names_language(classifier: TaxonomyClassifier, language: str) -> None:
    own = LABELS[language]
    items = [ClassificationItem(row["name"], tuple(own.values())) for row in NAMES[language]]
    found = _best(await classifier.classify(items))
    expected = [own[row["label"]] for row in NAMES[language]]
    hits = [label == right for (label, _), right in zip(found, expected, strict=True)]
    assert np.mean(hits) >= 0.75


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Bio Hähnchenbrustfilets", "Meat"),
        ("H-Vollmilch 3,5% 1L", "Dairy"),
        ("lait 1/2 ecreme uht", "Dairy"),
        ("POMME GOLDEN VRAC", "Produce"),
        ("kartofel", "Produce"),
        ("salchicas de pavo", "Meat"),
        ("obezzhirennoe молоко", "Dairy"),
        ("鶏もも肉 300g", "Meat"),
        ("toaletní papír 8ks", "Household"),
        ("detersivo piatti limone", "Household"),
    ],
)
async def test_compounds_abbreviations_and_misspellings(
    classifier: TaxonomyClassifier, name: str, label: str
) -> None:
    [(found, _)] = _best(await classifier.classify([ClassificationItem(name, TEN)]))
    assert found == label


async def test_a_label_that_lists_several_categories_is_all_of_them(
    classifier: TaxonomyClassifier,
) -> None:
    labels = ("Gemüse", "Baby", "Fleisch und Fisch", "Obst")
    [(found, confidence)] = _best(await classifier.classify([ClassificationItem("salmon", labels)]))
    assert (found, confidence >= HIGH_CONFIDENCE) == ("Fleisch und Fisch", True)


async def test_the_language_settles_a_word_of_two_languages(classifier: TaxonomyClassifier) -> None:
    labels = ("Bakery", "Household")
    spanish, english = _best(
        await classifier.classify(
            [ClassificationItem("pan", labels, language) for language in ("es", "en")]
        )
    )
    assert (spanish[0], english[0]) == ("Bakery", "Household")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=4),
    labels=st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=4, unique=True),
)
async def test_any_text_has_scores_that_sum_to_1(
    classifier: TaxonomyClassifier, names: list[str], labels: list[str]
) -> None:
    items = [ClassificationItem(name, tuple(labels)) for name in names]
    for scores in await classifier.classify(items):
        assert sum(scores.values()) == pytest.approx(1, abs=1e-9)
        assert all(0 <= score <= 1 for score in scores.values())
