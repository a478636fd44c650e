"""Tokens of ingredient lines: numbers, words, signs and brackets with what they hold."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Final

from sidecar.ingredients.numbers import NUMBER, normalize, parse_amount
from sidecar.ingredients.units import Unit, kitchen_units
from sidecar.ingredients.vocabulary import Phrases
from sidecar.text.folding import fold

_VOWELS: Final = "\u0900-\u0903\u093a-\u094f\u0e31\u0e34-\u0e3a\u0e47-\u0e4e"  # signs in words
_WORD: Final = rf"[^\W\d_][^\W\d_{_VOWELS}]*(?:[{_VOWELS}]+[^\W\d_]*)*"
_TOKEN: Final = re.compile(rf"(?P<number>{NUMBER})|(?P<word>{_WORD})|(?P<sign>\S)")
#: Dashes before a blank, boxes to tick, and any symbol at all, pictures of the food included.
_BULLET: Final = re.compile(
    r"^(?:[-*>.]+\s+|\[[ xX]?\]\s*|\d\ufe0f?\u20e3\s*|[^\w\s()\[\]{}#+~&'\"%.,:;/\\<=>-]+\s*)+"
)
_ENCLOSED: Final = re.compile(r"^\(([^()]*\w[^()]*)\)$")
_NUMBERED: Final = re.compile(r"^\d{1,2}(?:\)\s*(?=\S)|\.\s+(?=\d))")  # "1. 200 g", "2) salt"
_ENDINGS: Final = re.compile(r"(?<=[^\W\d_]{2})/(?:n|e|en|er|r|s|es)(?![^\W_])")  # "Dose/n"
_AND_OR: Final = re.compile(r"(?i)\b(?:and|und|et|y|e|en|i)/(?=(?:or|oder|ou|o|of|lub)\b)")
_SLASHED: Final = re.compile(r"(?i)\bc/(?=[snp]\b)")  # "c/s", "c/n"
_BRACKETS: Final = re.compile(r"\(([^()\[\]]*)\)|\[([^()\[\]]*)\]")
_PLACEHOLDER: Final = "\x01"
_JOINERS: Final = frozenset(".'-")
_LONGEST_UNIT: Final = 5
_LONGEST_PLURAL: Final = 3


@dataclass(frozen=True, slots=True)
class Token:
    """A token with its place in the text; `bracket` is the content of a bracketed one."""

    text: str
    folded: str
    start: int
    end: int
    number: Fraction | None = None
    is_word: bool = False
    bracket: str | None = None


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a line, and the text that their places refer to."""

    text: str
    items: Sequence[Token]

    def get(self, position: int) -> Token | None:
        return self.items[position] if 0 <= position < len(self.items) else None

    def is_sign(self, position: int, signs: str) -> bool:
        token = self.get(position)
        return token is not None and token.text in signs and len(token.text) == 1

    def skip(self, position: int, phrases: Phrases) -> int:
        """Return the position behind the longest phrase at `position`, or the same."""
        folded, ends = self._words(position, phrases.longest)
        length = phrases.match(folded)
        if length:
            return self._behind_period(ends[length - 1])
        if self.is_sign(position, "+&") and (self.items[position].text,) in phrases.values:
            return position + 1
        return position

    def phrase_value(self, position: int, phrases: Phrases) -> tuple[Fraction, int] | None:
        """Return the value of the longest phrase at `position` and the position behind it."""
        folded, ends = self._words(position, phrases.longest)
        length = phrases.match(folded)
        if not length:
            return None
        return phrases.values[tuple(folded[:length])], self._behind_period(ends[length - 1])

    def unit(self, position: int, language: str) -> tuple[Unit, int] | None:
        """Return the unit of the longest spelling at `position` and the position behind it."""
        _, ends = self._words(position, _LONGEST_UNIT)
        units = kitchen_units()
        if not ends and self.is_sign(position, "#"):
            return units.symbols["#"], position + 1
        for end in reversed(ends):
            spelling = " ".join(token.text for token in self.items[position:end] if token.is_word)
            if (unit := units.find(spelling, language)) is not None:
                return unit, self._behind_period(end)
        return None

    def slice(self, start: int, end: int | None = None) -> "Tokens":
        """Return some of the tokens."""
        return Tokens(self.text, self.items[start:end])

    def text_of(self, start: int, end: int) -> str:
        """Return the text from one token to the one before `end`, with blanks for brackets."""
        items = self.items[start:end]
        return self.text[items[0].start : items[-1].end].replace(_PLACEHOLDER, " ") if items else ""

    def plain(self) -> str:
        """Return the text of the tokens, without brackets."""
        if not self.items:
            return ""
        text = self.text[self.items[0].start : self.items[-1].end]
        text = " ".join(text.replace(_PLACEHOLDER, " ").replace(" ,", ",").split())
        text = text.strip(" ,;:-/*").lstrip(".")
        return text if "." in text[:-1] else text.rstrip(".")  # "q.b." keeps its own

    def _words(self, position: int, limit: int) -> tuple[list[str], list[int]]:
        """Return up to `limit` folded words from `position` on, and the position behind each."""
        folded: list[str] = []
        ends: list[int] = []
        while len(folded) < limit and (token := self.get(position)) is not None:
            if token.is_word:
                folded.append(token.folded)
                ends.append(position + 1)
            elif not (folded and self._joins(position)):
                break
            position += 1
        return folded, ends

    def _joins(self, position: int) -> bool:
        """Return whether a sign joins two words: a period, or an adjacent hyphen or apostrophe."""
        token, following = self.items[position], self.get(position + 1)
        return token.text in _JOINERS and (
            token.text == "." or (following is not None and following.start == token.end)
        )

    def _behind_period(self, position: int) -> int:
        return position + 1 if self.is_sign(position, ".") else position


def tokenize(line: str, language: str) -> Tokens:
    """Return the tokens of a line, without bullets, numbering and endings as in "egg(s)"."""
    if not line.isascii():
        line = _unspaced_units().sub(" ", normalize(line))
    text = _ENCLOSED.sub(r"\1", _NUMBERED.sub("", _BULLET.sub("", normalize(line))))
    text = _AND_OR.sub("", _SLASHED.sub("c ", _ENDINGS.sub("", text)))
    contents: list[str] = []
    pieces: list[str] = []
    end = 0
    for match in _BRACKETS.finditer(text):
        pieces.append(text[end : match.start()])
        end = match.end()
        content = (match[1] if match[1] is not None else match[2]).strip()
        before = pieces[-1]
        glued = before[-1:].isalpha()
        if glued and content.isalpha() and len(content) <= _LONGEST_PLURAL:
            continue
        last = before.split()[-1:]
        spelled = f"{last[0].rstrip('.')} {content}" if last else ""
        if last and content.isalpha() and kitchen_units().find(spelled, language):
            pieces.append(f" {content} ")
            continue
        contents.append(content)
        pieces.append(f" {_PLACEHOLDER} ")
    pieces.append(text[end:])
    text = "".join(pieces).strip()
    remaining = iter(contents)
    items = [_token(match, remaining) for match in _TOKEN.finditer(text)]
    return Tokens(text, items)


@cache
def _unspaced_units() -> re.Pattern[str]:
    """Return where blanks belong beside units of scripts without them: 醤油 大さじ2, 200克 面粉."""
    spellings = {
        spelling
        for language in ("ja", "zh", "th")
        for spelling in kitchen_units().elsewhere[language]
        if spelling > "\u0e00"
    }
    behind = "|".join(rf"(?<=\d{re.escape(spelling)})" for spelling in spellings)
    spoons = "|".join(
        re.escape(spelling)
        for spelling in spellings
        if kitchen_units().elsewhere["ja"].get(spelling)
        in map(kitchen_units().by_name.get, ("tsp", "tbsp"))
    )
    return re.compile(rf"(?:{behind})(?=[^\W\d_])|(?<=[^\W\d_])(?=(?:{spoons})\d)")


def _token(match: re.Match[str], contents: Iterator[str]) -> Token:
    text = match.group()
    if text == _PLACEHOLDER:
        return Token("", "", *match.span(), bracket=next(contents, ""))
    if match.lastgroup == "number":
        return Token(text, text, *match.span(), number=parse_amount(text))
    return Token(text, fold(text), *match.span(), is_word=match.lastgroup == "word")
