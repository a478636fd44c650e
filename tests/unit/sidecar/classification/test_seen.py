"""What the classifier said of names lately."""

from sidecar.classification.backend import Item
from sidecar.classification.seen import Seen

MILK, BREAD, OATS = (Item(name, ("A", "B")) for name in ("milk", "bread", "oats"))
SCORES = {"A": 0.75, "B": 0.25}
MODEL = ("lexicon", "1")


def test_a_name_counts_with_its_labels() -> None:
    seen = Seen()
    seen.add(MILK, SCORES, MODEL)
    assert seen.get(MILK) == SCORES
    assert seen.get(Item("milk", ("B", "A"))) is None
    assert seen.model == MODEL


def test_it_is_forgotten_after_ten_minutes() -> None:
    now = 0.0
    seen = Seen(clock=lambda: now)
    seen.add(MILK, SCORES, MODEL)
    now = 599.0
    assert seen.get(MILK) == SCORES
    now = 600.0
    assert seen.get(MILK) is None


def test_the_least_recently_used_goes_first() -> None:
    seen = Seen(kept=4)
    for item in (MILK, BREAD):
        seen.add(item, SCORES, MODEL)
    seen.get(MILK)
    seen.add(OATS, SCORES, MODEL)
    assert [seen.get(item) is not None for item in (MILK, BREAD, OATS)] == [True, False, True]


def test_said_again_it_takes_no_more_room() -> None:
    seen = Seen(kept=4)
    for item in (MILK, BREAD, BREAD, BREAD):
        seen.add(item, SCORES, MODEL)
    assert seen.get(MILK) == SCORES


def test_another_models_answers_are_forgotten() -> None:
    seen = Seen()
    seen.add(MILK, SCORES, MODEL)
    seen.add(BREAD, SCORES, ("lexicon", "2"))
    assert seen.get(MILK) is None
    assert seen.get(BREAD) == SCORES
