"""Receipt names to words: ORG WHL MLK 1GL -> organic whole milk 1 gallon.

The dictionary is the project's own: data/abbreviations.toml, which says how it is laid out. Names
that hold nothing to expand come back in lower case with their punctuation turned into spaces.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

Phrase = tuple[str, ...]
Spellings = Mapping[Phrase, str]

_TOKEN: Final = re.compile(r"\d+(?:[.,/]\d+)*%?|[^\W\d_]+(?:['’][^\W\d_]+)*|\S")
_LONGEST_PHRASE: Final = 4


@dataclass(frozen=True, slots=True)
class Dictionary:
    """Spellings by the place they may be expanded in; see data/abbreviations.toml."""

    units: Spellings
    always: Spellings
    receipt: Spellings
    """Those of `always` too."""


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    glued: bool  # nothing stood between it and the piece before
    size: bool = False  # part of "12 ounce" and the like


def expand(name: str) -> str:
    """The name in lower case, its abbreviations written out, single spaces between words.

    Only a name without any letter, digit or symbol comes back empty.
    """
    return _join(_expand_pieces(name))


def product_key(name: str) -> str:
    """`expand` without package sizes and article numbers: what the product is.

    A name that is nothing else ("1GL") is kept whole.
    """
    pieces = _expand_pieces(name)
    telling = [p for p in pieces if not p.size and not _is_article_number(p.text)]
    return _join(telling or pieces)


@cache
def dictionary() -> Dictionary:
    """The packaged dictionary, read once. ValueError when two expansions share a spelling."""
    data = files(__package__).joinpath("data/abbreviations.toml").read_text(encoding="utf-8")
    sections = tomllib.loads(data)
    spellings = {section: _spellings(table) for section, table in sections.items()}
    spellings["receipt"] = MappingProxyType({**spellings["receipt"], **spellings["always"]})
    return Dictionary(**spellings)


def _spellings(table: Mapping[str, Sequence[str]]) -> Spellings:
    spellings: dict[Phrase, str] = {}
    for expansion, abbreviations in table.items():
        for abbreviation in abbreviations:
            phrase = tuple(piece.text for piece in _tokenize(abbreviation))
            if spellings.setdefault(phrase, expansion) != expansion:
                raise ValueError(f"{abbreviation!r} means {spellings[phrase]!r} and {expansion!r}")
            if not 0 < len(phrase) <= _LONGEST_PHRASE:
                raise ValueError(f"{abbreviation!r} has no word or too many")
    return MappingProxyType(spellings)


def _expand_pieces(name: str) -> list[_Token]:
    pieces = list(_tokenize(name))
    words = dictionary()
    everywhere = list(_expand_phrases(pieces, words.units, words.always))
    abbreviated = [p.text for p in everywhere] != [p.text for p in pieces]
    if name.isupper() or (abbreviated and name.islower()):
        return list(_expand_phrases(pieces, words.units, words.receipt))
    return everywhere


def _tokenize(name: str) -> Iterator[_Token]:
    end = -1
    for match in _TOKEN.finditer(unicodedata.normalize("NFKC", name).lower()):
        text = match.group().replace("’", "'")
        if len(text) > 1 or not _is_separator(text):
            yield _Token(text, glued=match.start() == end)
            end = match.end()


def _is_separator(character: str) -> bool:
    """Punctuation, signs and control characters end a word; letters, emoji and & do not."""
    category = unicodedata.category(character)
    return character != "&" and (category[0] in "PC" or category in {"Sm", "Sc", "Sk"})


def _expand_phrases(
    pieces: Sequence[_Token], units: Spellings, words: Spellings
) -> Iterator[_Token]:
    """The longest spelling that starts at each piece is replaced, from left to right."""
    at = 0
    while at < len(pieces):
        piece = pieces[at]
        after = at + 1
        if piece.text[0].isdigit() and (found := _longest_match(pieces, after, units)):
            unit, after = found
            yield _Token(piece.text, piece.glued, size=True)
            yield _Token(unit, glued=False, size=True)
        elif found := _longest_match(pieces, at, words):
            expansion, after = found
            yield _Token(expansion, glued=False)
        else:
            yield piece
        at = after


def _longest_match(
    pieces: Sequence[_Token], at: int, spellings: Spellings
) -> tuple[str, int] | None:
    for end in range(min(at + _LONGEST_PHRASE, len(pieces)), at, -1):
        expansion = spellings.get(tuple(piece.text for piece in pieces[at:end]))
        if expansion is not None and not (end < len(pieces) and pieces[end].glued):
            return expansion, end
    return None


def _is_article_number(text: str) -> bool:
    return text.isdigit() and len(text) >= 4


def _join(pieces: Sequence[_Token]) -> str:
    return "".join(p.text if p.glued else f" {p.text}" for p in pieces).strip()
