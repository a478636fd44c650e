"""Words of many languages found in printed lines, compared without case, accents and signs."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

_TOKEN = re.compile(r"[^\W\d_]+|\d+")
_MODEL = re.compile(r"(?<![^\W_])[^\W\d_]{1,4}\d{3,}")
"""A model, an article or a document: its letters are no word."""
_LETTERS = str.maketrans(
    {"ı": "i", "ø": "o", "ł": "l", "đ": "d", "æ": "ae", "ð": "d", "ß": "ss", "״": '"', "׳": "'"}
)


def plain(text: str) -> str:
    """Return a text with single blanks, and with digits and signs of full width as those of ASCII."""
    text = " ".join(text.split())
    if text.isascii():
        return text
    text = unicodedata.normalize("NFKC", text)
    return "".join(str(unicodedata.digit(c)) if c.isdigit() and c > "9" else c for c in text)


def fold(text: str) -> str:
    """Return a text without case and accents."""
    if text.isascii():
        return text.lower()
    letters = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    return unicodedata.normalize("NFC", "".join(c for c in letters if not unicodedata.combining(c)))


def tokens(folded: str) -> list[str]:
    """Return the words of a folded text: each run of letters, and each of digits."""
    return _TOKEN.findall(folded)


class Phrases(Generic[T]):
    """Phrases of one word or several, each with its values, to be found in lines."""

    def __init__(self, entries: Iterable[tuple[str, T]]) -> None:
        self._by_first: dict[str, dict[tuple[str, ...], list[T]]] = {}
        self._unspaced: dict[str, list[T]] = {}
        for phrase, value in entries:
            folded = fold(phrase.strip())
            if words := tuple(tokens(folded)):
                if is_unspaced(words[0]):
                    self._unspaced.setdefault(folded, []).append(value)
                else:
                    self._by_first.setdefault(words[0], {}).setdefault(words, []).append(value)

    def find(self, folded: str) -> Iterator[tuple[str, list[T]]]:
        """Yield the phrases that a folded line holds, with their values."""
        words = tokens(_MODEL.sub(" ", folded))
        for start, word in enumerate(words):
            for phrase, values in self._by_first.get(word, {}).items():
                if len(phrase) == 1 or tuple(words[start : start + len(phrase)]) == phrase:
                    yield " ".join(phrase), values
        if not folded.isascii():
            for phrase_text, values in self._unspaced.items():
                if phrase_text in folded:
                    yield phrase_text, values

    def within(self, folded: str) -> bool:
        """Return whether a folded line holds any of the phrases."""
        return next(self.find(folded), None) is not None


def is_unspaced(word: str) -> bool:
    """Return whether the word's script puts no blanks between words: Thai, Chinese, Japanese …"""
    return "\u0e00" <= word[0] <= "\u0fff" or "\u1000" <= word[0] <= "\u109f" or word[0] > "\u2e80"
