"""The role of a line by its words: data/line_roles.toml has the patterns of each role.

Words are matched in upper case after look-alikes of recognition are folded (0 to O, 1 and | to I),
so "T0TAL" is a total.
"""

import enum
import re
import unicodedata

from sidecar.receipts.word_lists import load, one_line, pattern
from sidecar.text.taxonomy import label_key
from sidecar.text.taxonomy import vocabulary as groceries


class LineRole(enum.Enum):
    """What a printed line is for."""

    TAX_TABLE = "heading of the table that breaks the tax down"
    COLUMNS = "heading of the item columns"
    COUNT = "number of items"
    POINTS = "loyalty points: numbers that are not money"
    SAVINGS = "sum of savings that the prices already include"
    CHANGE = "money handed back"
    ROUNDING = "to the nearest coin"
    SUBTOTAL = "before tax or before rounding"
    TAX_BASE = "the amount that tax is on"
    TAX = "tax, added or included"
    SERVICE = "a charge on the sum"
    TIP = "a tip"
    DISCOUNT = "taken off"
    NOT_CHARGED = "a former price, a tare, or the balance of a card"
    TOTAL = "the amount to pay"
    TENDERED = "money given"
    META = "about the shop, the till or the sale"


_WORDS = load("line_roles")
_ROLES = tuple(
    (LineRole[entry["role"].upper()], re.compile(one_line(entry["pattern"])))
    for entry in _WORDS["roles"]
)
_META = pattern("line_roles", "meta")
_COLUMN_WORDS = pattern("line_roles", "column_words")
_COLUMN_CURRENCIES = frozenset(_WORDS["column_currencies"].split())

_FOLD = str.maketrans({"0": "O", "1": "I", "|": "I", "!": "I", "5": "S", "8": "B"})
# Characters that faded print makes alike; each class is compared as its first character.
_CONFUSED = str.maketrans(
    {
        char: chars[0]
        for chars in ("I1LTJ|!", "O0DQUCG", "S5B8", "EF", "KXRH", "NMW", "VY")
        for char in chars
    }
)
_KEY_WORDS = {word.translate(_CONFUSED): word for word in _WORDS["key_words"].split()}


def fold(text: str) -> str:
    """Return upper case without accents, look-alike digits in words as letters, single spaces."""
    words = plain_of(text).split()
    return " ".join(word.translate(_FOLD) if _mostly_letters(word) else word for word in words)


def plain_of(text: str) -> str:
    """Return upper case without accents."""
    plain = unicodedata.normalize("NFKD", text.upper().replace("ß", "SS"))
    return "".join(char for char in plain if not unicodedata.combining(char))


def role_of(label: str) -> LineRole | None:
    """Return a line's role by its words without amounts; None for an item, name or address."""
    folded = _respell(fold(label)).lstrip("*-=#. ")
    if _is_heading(folded):
        return LineRole.COLUMNS
    for role, words in _ROLES:
        if words.search(folded):
            return role
    return LineRole.META if _META.search(folded) else None


def lookalike(letters: str) -> str:
    """Replace capitals that look alike in faded print or logos by one of their class."""
    return letters.translate(_CONFUSED)


def _respell(folded: str) -> str:
    """Correct misread key words (SUBIUIAL), but no groceries: ORANGE looks like CHANGE."""

    def respell(match: re.Match[str]) -> str:
        word = match[0]
        key_word = _KEY_WORDS.get(word.translate(_CONFUSED))
        return word if key_word is None or label_key(word) in groceries() else key_word

    return re.sub(r"[^\s:()=]{5,}", respell, folded)


def _is_heading(folded: str) -> bool:
    """Whether two or more words that only head columns ("RM  Code", "(RM) (SR)") stand alone."""
    if re.fullmatch(r"(\([A-Z]{2,3}\) ?){2,}", folded):
        return True
    words = re.findall(r"[A-Z/]{2,}", folded)
    alone = len(words) == 1 and folded.strip("() ") in _COLUMN_CURRENCIES
    return (
        (len(words) >= 2 or alone)
        and all(_COLUMN_WORDS.fullmatch(word) for word in words)
        and not folded.startswith(("TOTAL", "TAX", "AMOUNT", "GST", "NO", "INCL"))
    )


def _mostly_letters(word: str) -> bool:
    letters = sum(char.isalpha() for char in word)
    return letters * 2 > len(word) and letters >= 2
