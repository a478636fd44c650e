"""What the classifier said of names lately."""

from jobs.tasks.categorizer import PredictionCache
from sidecar.classification.backend import ClassificationItem

MILK, BREAD, OATS = (ClassificationItem(name, ("A", "B")) for name in ("milk", "bread", "oats"))
SCORES = {"A": 0.75, "B": 0.25}
MODEL = ("lexicon", "1")


def test_a_name_counts_with_its_labels() -> None:
    seen = PredictionCache()
    seen.add(MILK, SCORES, MODEL)
    assert seen.get(MILK) == SCORES
    assert seen.get(ClassificationItem("milk", ("B", "A"))) is None
    assert seen.model == MODEL


def test_it_is_forgotten_after_ten_minutes() -> None:
    now = 0.0
    seen = PredictionCache(clock=lambda: now)
    seen.add(MILK, SCORES, MODEL)
    now = 599.0
    assert seen.get(MILK) == SCORES
    now = 600.0
    assert seen.get(MILK) is None


def test_the_least_recently_used_goes_first() -> None:
    seen = PredictionCache(max_scores=4)
    for item in (MILK, BREAD):
        seen.add(item, SCORES, MODEL)
    seen.get(MILK)
    seen.add(OATS, SCORES, MODEL)
    assert [seen.get(item) is not None for item in (MILK, BREAD, OATS)] == [True, False, True]


def test_said_again_it_takes_no_more_room() -> None:
    seen = PredictionCache(max_scores=4)
    for item in (MILK, BREAD, BREAD, BREAD):
        seen.add(item, SCORES, MODEL)
    assert seen.get(MILK) == SCORES


def test_another_models_answers_are_forgotten() -> None:
    seen = PredictionCache()
    seen.add(MILK, SCORES, MODEL)
    seen.add(BREAD, SCORES, ("lexicon", "2"))
    assert seen.get(MILK) is None
    assert seen.get(BREAD) == SCORES
