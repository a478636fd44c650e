"""Folds names for comparison: no case, accents, compatibility forms or invisible characters."""

import re
import unicodedata
from functools import lru_cache
from typing import Final

# Letters that Unicode doesn't decompose, as they are written without them.
_LETTERS: Final = str.maketrans(
    {"ß": "ss", "ø": "o", "ł": "l", "æ": "ae", "œ": "oe", "đ": "d", "ı": "i", "ς": "σ", "ŋ": "n"}
    | {chr(code): chr(code + 0x60) for code in range(0x3041, 0x3097)}  # hiragana as katakana
)
_WORD: Final = re.compile(r"[^\W\d_]+")
_MARKED: Final = "\u0400"  # beyond Latin and Greek a mark makes another letter: й, が


@lru_cache(4_096)
def fold(text: str) -> str:
    """Return the text in the form in which different spellings of it are equal.

    NFKC, lower case, without accents on Latin and Greek letters, without format characters (zero
    width, directions), hiragana as katakana, and single spaces.
    """
    plain = unicodedata.normalize("NFKC", text).casefold()
    folded = plain if plain.isascii() else "".join(map(_without_marks, plain))
    return " ".join(folded.translate(_LETTERS).split())


def words(text: str) -> list[str]:
    """Return the folded words: runs of letters."""
    return _WORD.findall(fold(text))


def _without_marks(character: str) -> str:
    if character < "\x80":
        return character
    category = unicodedata.category(character)
    if category == "Cf":
        return ""
    if character >= _MARKED and not "\u1e00" <= character < "\u2000":
        return character
    return "".join(
        part for part in unicodedata.normalize("NFD", character) if not unicodedata.combining(part)
    )
