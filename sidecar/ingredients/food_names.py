"""Divides what follows the amount of an ingredient line into food, notes and alternatives."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from sidecar.ingredients.amounts import LineAmount, read_amount
from sidecar.ingredients.tokens import Token, Tokens, tokenize
from sidecar.ingredients.units import Unit
from sidecar.ingredients.vocabulary import Phrases, Vocabulary, vocabulary
from sidecar.text.words import words

_SEPARATORS: Final = ",;"
#: Units that English also writes behind the food: "2 garlic cloves".
_UNITS_BEHIND: Final = frozenset(("clove", "stalk", "sprig"))


@dataclass(slots=True)
class FoodName:
    """A food as a line names it, with what else the line says about it."""

    name: str = ""
    notes: list[str] = field(default_factory=list)
    optional: bool = False
    alternatives: list[str] = field(default_factory=list)
    amount: LineAmount | None = None
    unit: Unit | None = None  # behind the food
    head: str = ""


def read_food(tokens: Tokens, language: str, *, counted: bool) -> FoodName:
    """Return the food of the tokens behind an amount; `counted` if that has no unit."""
    known = vocabulary(language)
    food = FoodName()
    tokens = _without_brackets(tokens, food, language)
    tokens = _lead(tokens)
    tokens = _to_separator(tokens, food, known)
    tokens = _to_phrase(tokens, food, known)
    tokens = _to_alternative(tokens, food, known)
    tokens = _without_sizes(tokens, food, known)
    if counted and not food.head:
        tokens = _to_unit_behind(tokens, food, language)
    if any(token.is_word for token in tokens.items):
        food.name = f"{tokens.plain()} {food.head}".strip()
    return food


def read_notes(notes: Iterable[str], language: str) -> bool:
    """Return whether a note says that the ingredient is optional."""
    optional = vocabulary(language).optional
    return any(_find(words(note), optional) is not None for note in notes if note)


def _without_brackets(tokens: Tokens, food: FoodName, language: str) -> Tokens:
    for token in tokens.items:
        if token.bracket:
            inner = tokenize(token.bracket, language)
            amount = read_amount(inner, 0, language)
            if food.amount is None and amount is not None and amount.end == len(inner.items):
                food.amount = amount
                continue
            food.notes.append(" ".join(token.bracket.split()))
    return Tokens(tokens.text, [token for token in tokens.items if token.bracket is None])


def _lead(tokens: Tokens) -> Tokens:
    start = 0
    while start < len(tokens.items) and tokens.is_sign(start, ",.;:-/'*"):
        start += 1
    return tokens.slice(start)


def _to_separator(tokens: Tokens, food: FoodName, known: Vocabulary) -> Tokens:
    """Cut behind the food at a comma, semicolon or dash; adjectives may have commas."""
    for position, token in enumerate(tokens.items):
        if not _separates(tokens, position, token):
            continue
        before = [t.folded for t in tokens.items[:position] if t.is_word]
        if not before or _all_adjectives(before, known):
            continue
        note = tokens.slice(position + 1).plain()
        if note:
            food.notes.append(note)
        return tokens.slice(0, position)
    return tokens


def _separates(tokens: Tokens, position: int, token: Token) -> bool:
    if token.text in _SEPARATORS and len(token.text) == 1:
        return True
    following = tokens.get(position + 1)
    return (
        token.text == "-"
        and position > 0
        and tokens.items[position - 1].end < token.start
        and following is not None
        and following.start > token.end
    )


def _to_phrase(tokens: Tokens, food: FoodName, known: Vocabulary) -> Tokens:
    """Cut at the first phrase that begins a note ("to taste", "for garnish")."""
    for position, token in enumerate(tokens.items):
        if not token.is_word:
            continue
        for phrases in (known.taste, known.purpose, known.optional):
            end = tokens.skip(position, phrases)
            if end == position:
                continue
            joined = position > 1 and tokens.skip(position - 1, known.or_) == position
            before, after = tokens.slice(0, position - joined), tokens.slice(end)
            if before.plain():
                food.notes.append(tokens.slice(position).plain())
                return before
            if after.plain():  # "q.b. di sale"
                food.notes.append(tokens.slice(position, end).plain())
                return after.slice(after.skip(0, known.of))
    return tokens


def _to_alternative(tokens: Tokens, food: FoodName, known: Vocabulary) -> Tokens:
    """Cut at "or", unless it joins two kinds of the food ("red or white wine")."""
    for position in range(1, len(tokens.items) - 1):
        end = tokens.skip(position, known.or_)
        if tokens.is_sign(position, "/") and tokens.text[tokens.items[position].start - 1] == " ":
            end = position + 1
        if end == position:
            continue
        left, right = tokens.slice(0, position), tokens.slice(end)
        before = [token.folded for token in left.items if token.is_word]
        after = [token.folded for token in right.items if token.is_word]
        if not before or not after:
            continue
        if known.heads.match(after[-1:]) and len(before) == 1 and len(after) > 1:
            food.alternatives.append(right.plain())
            head = right.items[-1]
            food.head = head.text
            return left
        ellipsis = left.items[-1].text == "-"  # "groente- of kippenbouillon"
        if ellipsis or _all_adjectives(before, known) or _all_adjectives(after, known):
            return tokens
        food.alternatives.append(tokens.text[right.items[0].start :])
        return left
    return tokens


def _without_sizes(tokens: Tokens, food: FoodName, known: Vocabulary) -> Tokens:
    while (end := tokens.skip(0, known.sizes)) and end < len(tokens.items):
        if tokens.skip(0, known.not_units):
            break
        food.notes.insert(0, tokens.slice(0, end).plain())
        tokens = _lead(tokens.slice(tokens.skip(end, known.of)))
    last = tokens.get(len(tokens.items) - 1)
    if last is not None and len(tokens.items) > 1 and known.after.match([last.folded]):
        food.notes.insert(0, last.text)
        tokens = tokens.slice(0, -1)
    return tokens


def _to_unit_behind(tokens: Tokens, food: FoodName, language: str) -> Tokens:
    last = len(tokens.items) - 1
    found = tokens.unit(last, language) if last > 0 else None
    if found is None or found[0].name not in _UNITS_BEHIND:
        return tokens
    food.unit = found[0]
    return tokens.slice(0, last)


def _all_adjectives(folded: list[str], known: Vocabulary) -> bool:
    position = 0
    while position < len(folded):
        length = known.kinds.match(folded, position) or known.sizes.match(folded, position)
        if not length:
            return False
        position += length
    return True


def _find(folded: tuple[str, ...], phrases: Phrases) -> int | None:
    return next((n for n in range(len(folded)) if phrases.match(folded, n)), None)
