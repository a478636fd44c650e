"""Expands the abbreviations of receipts: ORG WHL MLK 1GL -> organic whole milk 1 gallon.

The dictionary is the project's own; data/abbreviations.toml describes its layout. Names without
abbreviations come back in lower case with punctuation replaced by spaces.
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

_TOKEN: Final = re.compile(r"\d+(?:[.,/]\d+)*%?|[^\W\d_]+(?:['’][^\W\d_]+)*|\S")
_LONGEST_PHRASE: Final = 4


@dataclass(frozen=True, slots=True)
class Spellings:
    """Phrases to their expansions, and first words to the length of the longest phrase."""

    expansions: Mapping[Phrase, str]
    longest: Mapping[str, int]  # nearly every word of a text begins none


@dataclass(frozen=True, slots=True)
class Dictionary:
    """Spellings by where they are expanded; see data/abbreviations.toml."""

    units: Spellings
    always: Spellings
    receipt: Spellings  # includes those of `always`


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    adjacent: bool  # follows the previous token without a separator
    size: bool = False  # part of a package size, such as "12 ounce"


def expand(name: str) -> str:
    """Return the name in lower case, abbreviations expanded, with single spaces between words.

    The result is empty only for a name without any letter, digit or symbol.
    """
    return _join(_expand_tokens(name))


def product_key(name: str) -> str:
    """Return the expanded name without package sizes and article numbers.

    A name that has nothing else ("1GL") is returned in full.
    """
    tokens = _expand_tokens(name)
    key_tokens = [t for t in tokens if not t.size and not _is_article_number(t.text)]
    return _join(key_tokens or tokens)


@cache
def dictionary() -> Dictionary:
    """Return the packaged dictionary. Raises ValueError when two expansions share a spelling."""
    data = files(__package__).joinpath("data/abbreviations.toml").read_text(encoding="utf-8")
    sections = tomllib.loads(data)
    expansions = {section: _expansions(table) for section, table in sections.items()}
    expansions["receipt"] = {**expansions["receipt"], **expansions["always"]}
    return Dictionary(**{section: _spellings(table) for section, table in expansions.items()})


def _spellings(expansions: Mapping[Phrase, str]) -> Spellings:
    longest: dict[str, int] = {}
    for phrase in expansions:
        longest[phrase[0]] = max(len(phrase), longest.get(phrase[0], 0))
    return Spellings(MappingProxyType(dict(expansions)), MappingProxyType(longest))


def _expansions(table: Mapping[str, Sequence[str]]) -> Mapping[Phrase, str]:
    spellings: dict[Phrase, str] = {}
    for expansion, abbreviations in table.items():
        for abbreviation in abbreviations:
            phrase = tuple(token.text for token in _tokenize(abbreviation))
            if spellings.setdefault(phrase, expansion) != expansion:
                raise ValueError(f"{abbreviation!r} means {spellings[phrase]!r} and {expansion!r}")
            if not 0 < len(phrase) <= _LONGEST_PHRASE:
                raise ValueError(f"{abbreviation!r} has no word or more than {_LONGEST_PHRASE}")
    return spellings


def _expand_tokens(name: str) -> list[_Token]:
    tokens = list(_tokenize(name))
    words = dictionary()
    expanded = list(_expand_phrases(tokens, words.units, words.always))
    abbreviated = [t.text for t in expanded] != [t.text for t in tokens]
    if name.isupper() or (abbreviated and name.islower()):
        return list(_expand_phrases(tokens, words.units, words.receipt))
    return expanded


def _tokenize(name: str) -> Iterator[_Token]:
    end = -1
    for match in _TOKEN.finditer(unicodedata.normalize("NFKC", name).lower()):
        text = match.group().replace("’", "'")
        if len(text) > 1 or not _is_separator(text):
            yield _Token(text, adjacent=match.start() == end)
            end = match.end()


def _is_separator(character: str) -> bool:
    # Letters, emoji and & are parts of words; other signs and control characters are not.
    category = unicodedata.category(character)
    return character != "&" and (category[0] in "PC" or category in {"Sm", "Sc", "Sk"})


def _expand_phrases(
    tokens: Sequence[_Token], units: Spellings, words: Spellings
) -> Iterator[_Token]:
    """Yield the tokens, with the longest spelling at each position replaced, left to right."""
    position = 0
    while position < len(tokens):
        token = tokens[position]
        end = position + 1
        if token.text[0].isdigit() and (match := _longest_match(tokens, end, units)):
            unit, end = match
            yield _Token(token.text, token.adjacent, size=True)
            yield _Token(unit, adjacent=False, size=True)
        elif match := _longest_match(tokens, position, words):
            expansion, end = match
            yield _Token(expansion, adjacent=False)
        else:
            yield token
        position = end


def _longest_match(
    tokens: Sequence[_Token], start: int, spellings: Spellings
) -> tuple[str, int] | None:
    """Return the expansion of the longest spelling from `start` on, and its end."""
    if start == len(tokens) or (longest := spellings.longest.get(tokens[start].text)) is None:
        return None
    for end in range(min(start + longest, len(tokens)), start, -1):
        expansion = spellings.expansions.get(tuple(token.text for token in tokens[start:end]))
        if expansion is not None and not (end < len(tokens) and tokens[end].adjacent):
            return expansion, end
    return None


def _is_article_number(text: str) -> bool:
    return text.isdigit() and len(text) >= 4


def _join(tokens: Sequence[_Token]) -> str:
    return "".join(t.text if t.adjacent else f" {t.text}" for t in tokens).strip()
