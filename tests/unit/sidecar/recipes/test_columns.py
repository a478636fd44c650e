"""Rows of two columns are read one column after the other; those of a table stay whole."""

from dataclasses import dataclass

from sidecar.recipes.columns import lines_of

HEIGHT = 20.0


@dataclass
class Word:
    text: str
    left: float
    right: float


@dataclass
class Row:
    words: list[Word]
    height: float = HEIGHT


def row(*texts):
    """Return a row of (text, left) pairs; a character is ten pixels wide."""
    return Row([Word(text, left, left + 10 * len(text)) for text, left in texts])


def columns(left, right):
    pairs = zip(left, right, strict=True)
    return [row(*((text, x) for text, x in ((a, 0), (b, 400)) if text)) for a, b in pairs]


LEFT = ["Zutaten", "200 g Mehl", "2 Eier", "1 Prise Salz"]
RIGHT = ["Zubereitung", "Alles gut mischen.", "Eine Stunde ruhen lassen.", "Backen."]


def test_the_left_column_comes_first():
    assert lines_of(columns(LEFT, RIGHT)) == LEFT + RIGHT


def test_columns_of_different_lengths():
    right = [*RIGHT, "Mit Zucker servieren."]
    assert lines_of(columns([*LEFT, ""], right)) == LEFT + right


def test_a_title_over_both_columns_stays_before_them():
    title = row(("Pfannkuchen nach einem alten Rezept meiner Tante", 100))
    assert lines_of([title, *columns(LEFT, RIGHT)])[0] == title.words[0].text
    assert lines_of([title, *columns(LEFT, RIGHT)])[1:] == LEFT + RIGHT


def test_amounts_in_a_column_of_their_own_stay_beside_their_foods():
    foods, amounts = ["Mehl", "Zucker", "Butter", "Milch"], ["200 g", "100 g", "50 g", "250 ml"]
    assert lines_of(columns(foods, amounts))[0] == "Mehl 200 g"
    assert lines_of(columns(amounts, foods))[0] == "200 g Mehl"


def test_rows_without_a_stripe_stay_as_they_are():
    rows = [row(("200 g Mehl", 0)), row(("2 Eier", 0), ("(Größe M)", 70))]
    assert lines_of(rows) == ["200 g Mehl", "2 Eier (Größe M)"]
    assert lines_of([]) == []
