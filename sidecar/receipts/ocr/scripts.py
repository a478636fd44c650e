"""The scripts that are read, and the script of a page's text.

Latin and Greek are read by the fast recognizer, Cyrillic from its features, Chinese and Japanese by
the whole one. A page's script is found out from what is recognized on it.
"""

import enum
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

from sidecar.receipts.word_lists import load

_GREEK_SHARE = 0.06  # of a page's letters; capitals like A and E are recognized as Latin ones
_CYRILLIC_SHARE = 0.2  # of a page's signs
_HAN_SHARE = 0.15  # of a page's signs; fewer are a shop's second name, or a smudge
_MIN_SIGNS = 4  # of another script, on a page of it

_LOOKALIKES = str.maketrans("ABEZHIKMNOPTYXo", "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧο")
_GREEK_WORD = re.compile(r"[ABEZHIKMNOPTYXoͰ-Ͽ]{2,}")


class Script(enum.StrEnum):
    """A script of receipts."""

    LATIN = "latin"
    GREEK = "greek"
    CYRILLIC = "cyrillic"
    HAN = "han"
    """Ideographs and kana: Chinese and Japanese."""


def script_of(sign: str) -> Script | None:
    """Return the script of a sign of the dictionary, None for one of no receipt.

    Digits, punctuation and currency signs count as Latin, and so does a form that is folded to
    them (NFKC): the recognizer often emits full-width colons and brackets.
    """
    plain = unicodedata.normalize("NFKC", sign)
    if not plain:
        return None
    if all(_is_latin(char) for char in plain):
        return Script.LATIN
    if all("\u0370" <= char < "\u03d0" for char in plain):
        return Script.GREEK
    if all("\u0400" <= char < "\u0460" or char in "ґҐ" for char in plain):
        return Script.CYRILLIC
    return Script.HAN if all(_is_han(char) for char in plain) else None


def is_evidence(sign: str) -> bool:
    """Whether the fast recognizer keeps a sign of another script than Latin."""
    script = script_of(sign)
    if script is Script.HAN:
        return _is_kana(sign) or sign in load("scripts")["ideographs"]
    return script is Script.GREEK


def script_of_page(texts: Iterable[str]) -> Script:
    """Return the script of a page with these texts, recognized with no script in mind."""
    counts = Counter(script_of(char) for text in texts for char in text if not char.isspace())
    signs = counts.total()
    if counts[Script.CYRILLIC] >= max(_MIN_SIGNS, _CYRILLIC_SHARE * signs):
        return Script.CYRILLIC
    if counts[Script.HAN] >= max(_MIN_SIGNS, _HAN_SHARE * signs):
        return Script.HAN
    if counts[Script.GREEK] >= max(_MIN_SIGNS, _GREEK_SHARE * signs):
        return Script.GREEK
    return Script.LATIN


def has_han(text: str) -> bool:
    """Whether a text has an ideograph or kana."""
    return any(script_of(char) is Script.HAN for char in text)


def greek_words(text: str) -> str:
    """Replace Latin letters that look like Greek ones, in words that can be Greek.

    The text keeps its length: "ΣYNOΛO" becomes "ΣΥΝΟΛΟ", "VISA" and "8,38 A" stay.
    """
    return _GREEK_WORD.sub(_in_greek, text)


def _in_greek(word: re.Match[str]) -> str:
    before = word.string[: word.start()][-1:]
    after = word.string[word.end() :][:1]
    if before.isalpha() or after.isalpha():  # a part of a Latin word
        return word[0]
    return word[0].translate(_LOOKALIKES)


def _is_latin(char: str) -> bool:
    return (
        char < "\u0250"
        or "\u1e00" <= char < "\u1f00"
        or "\u2000" <= char < "\u2070"
        or unicodedata.category(char) == "Sc"
    )


def _is_han(char: str) -> bool:
    return (
        "\u3000" <= char < "\u3100"
        or "\u3400" <= char < "\ua000"
        or "\uf900" <= char < "\ufb00"
        or char >= "\U00020000"
    )


def _is_kana(sign: str) -> bool:
    return "\u3040" <= unicodedata.normalize("NFKC", sign) < "\u3100"
