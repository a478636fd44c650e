"""Made-up lines of receipts in Cyrillic letters, and some in Latin ones that may stand beside them."""

import random
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from importlib import resources

from sidecar.receipts.ocr.cyrillic import LETTERS
from sidecar.receipts.word_lists import load

_LANGUAGES = ("ru", "uk", "bg", "sr", "mk", "be")
_LATIN = ("en", "de", "hr", "pl", "tr", "ro")
_UNITS = ("шт", "кг", "г", "гр", "л", "мл", "уп", "бр", "ком", "ШТ", "КГ", "шт.", "KOM", "бут")
_SIGNS = ("₽", "₴", "руб", "руб.", "грн", "ГРН", "лв", "лв.", "дин", "РСД", "ден", "€", "=", "")
_MARKS = ("А", "Б", "В", "Г", "Ђ", "Е", "*A", "#", "М", "НДС20%", "", "", "", "")
_BRANDS = ("VISA", "Coca-Cola", "Nestle", "WiFi", "QR", "ID", "Milka", "Jacobs", "NIVEA", "LAVAZZA")


def words() -> Mapping[str, tuple[Sequence[str], Sequence[str]]]:
    """Return the words of receipts and the names of products, by language."""
    own, vocabulary = load("cyrillic"), load("vocabulary")
    found = {}
    for language in _LANGUAGES:
        known = [table.get(language, "") for table in vocabulary.values()]
        printed = _split(own["receipt"][language], *known)
        names = _split(own["products"].get(language, ""))
        found[language] = (
            [word for word in printed if _is_cyrillic(word)],
            names or _names(language),
        )
    return found


def latin_names() -> Sequence[str]:
    """Return names of products in languages of Latin letters."""
    return [name for language in _LATIN for name in _names(language)]


class LineComposer:
    """Composes lines; equal seeds give equal lines."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._words = words()
        self._latin = latin_names()
        self._kinds: Sequence[tuple[Callable[[], str], float]] = (
            (self._item, 5),
            (self._summed, 3),
            (self._phrase, 4),
            (self._letters, 1.5),
            (self._amount, 1),
            (self._dated, 1),
            (self._numbered, 1),
            (self._mixed, 1),
            (self._latin_line, 2.5),
        )

    def line(self) -> str:
        """Return a line."""
        kinds, weights = zip(*self._kinds, strict=True)
        text = self._rng.choices(kinds, weights)[0]()
        return " ".join(text.split())[:48].strip() or "0"

    def _word(self) -> str:
        printed, _ = self._words[self._rng.choice(_LANGUAGES)]
        return self._cased(self._rng.choice(printed))

    def _name(self) -> str:
        _, names = self._words[self._rng.choice(_LANGUAGES)]
        name = self._rng.choice(names)
        if self._rng.random() < 0.2:  # tills abbreviate
            name = " ".join(word[: self._rng.randint(3, 6)] + "." for word in name.split())
        return self._cased(name)

    def _cased(self, text: str) -> str:
        case = self._rng.random()
        if case < 0.45:
            return text.upper()
        return text.capitalize() if case < 0.75 else text.title() if case < 0.85 else text

    def _money(self) -> str:
        rng = self._rng
        units = rng.choice((rng.randint(0, 99), rng.randint(1, 999), rng.randint(100, 9999)))
        mark = rng.choice(".,")
        group = rng.choice(("", "", " ", "." if mark == "," else ","))
        amount = f"{units:,}".replace(",", group)
        if rng.random() < 0.9:
            amount += f"{mark}{rng.choice((0, 50, 90, 99, rng.randint(0, 99))):02}"
        return f"{rng.choice(('', '', '', '=', '-', '*'))}{amount}"

    def _quantity(self) -> str:
        if self._rng.random() < 0.5:
            return f"{self._rng.randint(1, 12)}"
        return f"{self._rng.random() * 3:.3f}".replace(".", self._rng.choice(".,"))

    def _item(self) -> str:
        size = f" {self._rng.choice((5, 50, 100, 250, 500, 900, 1, 1.5))}{self._rng.choice(_UNITS)}"
        name = self._name() + (size if self._rng.random() < 0.3 else "")
        form = self._rng.random()
        if form < 0.4:
            return name
        if form < 0.7:
            return f"{name} {self._money()} {self._rng.choice(_MARKS)}"
        if form < 0.85:
            times = self._rng.choice(("x", "х", "*", "X", "×"))
            return f"{name} {self._quantity()} {times} {self._money()}"
        return f"{self._rng.randint(1, 99)}. {name}"

    def _summed(self) -> str:
        sign = self._rng.choice(_SIGNS)
        return f"{self._word()}{self._rng.choice((' ', ': ', ' = ', ' ='))}{self._money()} {sign}"

    def _phrase(self) -> str:
        count = self._rng.choice((1, 1, 2, 2, 3))
        text = " ".join(self._word() for _ in range(count))
        quoted = self._rng.random()
        if quoted < 0.1:
            return f'"{text}"'
        return (
            f"«{text}»"
            if quoted < 0.15
            else f"{text}, {self._rng.randint(1, 199)}"
            if quoted < 0.3
            else text
        )

    def _letters(self) -> str:
        """Words that no language has: each letter beside each other one."""
        letters = LETTERS[: len(LETTERS) // 2]
        made = "".join(self._rng.choices(letters, k=self._rng.randint(3, 9)))
        return self._cased(made.lower()) + (" " + self._word() if self._rng.random() < 0.5 else "")

    def _amount(self) -> str:
        return f"{self._money()} {self._rng.choice(_SIGNS + _MARKS)}"

    def _dated(self) -> str:
        rng = self._rng
        d, m, y = rng.randint(1, 31), rng.randint(1, 12), rng.randint(2015, 2029)
        date = rng.choice(
            (
                f"{d:02}.{m:02}.{y}",
                f"{d:02}-{m:02}-{y}",
                f"{d:02}.{m:02}.{y % 100}",
                f"{d:02}/{m:02}/{y}",
            )
        )
        clock = f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}"
        seconds = f":{rng.randint(0, 59):02}" if rng.random() < 0.4 else ""
        return f"{self._word() if rng.random() < 0.5 else ''} {date} {clock}{seconds}"

    def _numbered(self) -> str:
        digits = "".join(self._rng.choices("0123456789", k=self._rng.randint(3, 12)))
        return f"{self._word()}{self._rng.choice((' № ', ' №', ': ', ' ', ' #'))}{digits}"

    def _mixed(self) -> str:
        parts = [self._name(), self._rng.choice(_BRANDS)]
        self._rng.shuffle(parts)
        return " ".join(parts) + (f" {self._money()}" if self._rng.random() < 0.4 else "")

    def _latin_line(self) -> str:
        name = self._cased(self._rng.choice(self._latin))
        return f"{name} {self._money()}" if self._rng.random() < 0.5 else name


def _split(*lists: str) -> list[str]:
    return [word for text in lists for part in text.split("|") if (word := " ".join(part.split()))]


def _is_cyrillic(text: str) -> bool:
    return re.search("[Ѐ-ӿ]", text) is not None


def _names(language: str) -> list[str]:
    """Return the names of products that the classifier knows in a language."""
    path = resources.files("sidecar.text").joinpath(f"data/languages/{language}.toml")
    if not path.is_file():
        return []
    tables = tomllib.loads(path.read_text("utf-8"))
    return [
        name for names in tables["products"].values() for name in _split(names.replace(",", "|"))
    ]
