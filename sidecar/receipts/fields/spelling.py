"""Capitals as faded print and the recognizer confuse them: 0 and O, 1 and I, E and F."""

import unicodedata

_STROKES = str.maketrans({"Đ": "D", "Ø": "O", "Ł": "L", "Æ": "AE", "Ð": "D"})
_FOLD = str.maketrans({"0": "O", "1": "I", "|": "I", "!": "I", "5": "S", "8": "B"})
# Characters that faded print makes alike; each class is compared as its first character.
_CONFUSED = str.maketrans(
    {
        char: chars[0]
        for chars in ("I1LTJ|!", "O0DQUCG", "S5B8", "EF", "KXRH", "NMW", "VY")
        for char in chars
    }
)


def capitals(text: str) -> str:
    """Return upper case without accents."""
    plain = unicodedata.normalize("NFKD", text.upper().translate(_STROKES))
    return "".join(char for char in plain if not unicodedata.combining(char))


def folded_capitals(text: str) -> str:
    """Return upper case without accents, look-alike digits in words as letters, single spaces."""
    words = capitals(text).split()
    return " ".join(word.translate(_FOLD) if _mostly_letters(word) else word for word in words)


def lookalike(letters: str) -> str:
    """Replace capitals that look alike in faded print or logos by one of their class."""
    return letters.translate(_CONFUSED)


def _mostly_letters(word: str) -> bool:
    letters = sum(char.isalpha() for char in word)
    return letters * 2 > len(word) and letters >= 2
