"""Parses ingredient lines as people write them: "2 EL Öl", "1 (14 oz) can tomatoes, drained".

Rules over the units (units.py) and the words of eight languages (vocabulary.py): an amount at the
start or at the end, then the food, then notes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from sidecar.ingredients.amounts import LineAmount, Size, read_amount, read_size
from sidecar.ingredients.food_names import FoodName, read_food, read_notes
from sidecar.ingredients.tokens import Tokens, tokenize
from sidecar.ingredients.units import LANGUAGES
from sidecar.ingredients.vocabulary import detect_languages, vocabulary
from sidecar.text.words import words

MAX_LENGTH: Final = 500  # characters of a line

_MAX_WORDS_LENGTH: Final = 40
_SURE: Final = 0.98
_NO_NAME: Final = 0.1
_LONG_NAME_WORDS: Final = 6
_MAX_COUNT: Final = 24  # of a food whose line ends with a number
#: Factors of the confidence: a number is left in the name, the name is long, nothing was counted,
#: the language is none of `LANGUAGES`.
_NUMBER_LEFT: Final = 0.6
_LONG_NAME: Final = 0.8
_NO_AMOUNT: Final = 0.9
_ELSEWHERE: Final = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class IngredientLine:
    """A parsed line.

    `quantity` is None where the line has no number ("salt to taste"), `unit` a name of the closed
    list, "" for pieces of the food itself, and None without an amount. `size` is that of one
    package or piece. `name` is empty only where the line names no food.
    """

    text: str
    language: str
    name: str
    quantity: Fraction | None = None
    quantity_max: Fraction | None = None
    unit: str | None = None
    unit_text: str = ""
    size: Size | None = None
    note: str = ""
    optional: bool = False
    alternatives: tuple["IngredientLine", ...] = ()
    confidence: float = 0.0


def parse_lines(lines: Sequence[str], language: str | None = None) -> list[IngredientLine]:
    """Parse lines of at most `MAX_LENGTH` characters, which are cut to it.

    Without a language (one of `LANGUAGES`) it is detected from each line and the others. It may be
    another then, of which units and few words are known: such lines have a low confidence.
    """
    lines = [line[:MAX_LENGTH] for line in lines]
    languages = [language] * len(lines) if language in LANGUAGES else detect_languages(lines)
    return [_parse(line, found or "en") for line, found in zip(lines, languages, strict=True)]


def parse_line(line: str, language: str | None = None) -> IngredientLine:
    """Parse one line; see `parse_lines`."""
    return parse_lines([line], language)[0]


def uncounted_is_none(quantity: object) -> object:
    """Return None for a quantity in words that is no number ("to taste", "etwas", "")."""
    if not isinstance(quantity, str) or len(quantity) > _MAX_WORDS_LENGTH:
        return quantity
    folded = words(quantity)
    for language in LANGUAGES:
        known = vocabulary(language)
        if any(phrases.match(folded) == len(folded) for phrases in (known.taste, known.some)):
            return None
    return quantity


def _parse(line: str, language: str) -> IngredientLine:
    tokens = tokenize(line, language)
    begin = _behind_optional(tokens, language)
    tokens = tokens.slice(begin)
    other = tokens.skip(0, vocabulary(language).or_)  # the alternative of the line before
    if other and read_amount(tokens, other, language) is not None:
        tokens = tokens.slice(other)
    part, start = _part(tokens, language)
    amount = read_amount(tokens, start, language)
    if amount is None:
        amount, rest = _amount_behind(tokens, language)
    else:
        rest = tokens.slice(amount.end)
    amount, rest = _food_not_unit(tokens, amount, rest)
    behind_unit = amount is not None and (amount.unit is not None or amount.quantity != 1)
    if behind_unit or part:
        rest = _without_of(rest, language)
    if amount is not None:
        amount, rest = _size_behind_food(amount, rest, language)
    food = read_food(rest, language, counted=amount is not None and amount.unit is None)
    if amount is None and food.amount is not None:
        amount = food.amount
    if amount is not None and food.unit is not None:
        amount = replace(amount, unit=food.unit)
    food.optional = food.optional or begin > 0
    return _build(line, language, amount, food, part)


def _behind_optional(tokens: Tokens, language: str) -> int:
    """Return the position behind "optional:" or "evtl." at the start of a line."""
    end = tokens.skip(0, vocabulary(language).optional)
    end += end > 0 and tokens.is_sign(end, ":,")
    return end if end and any(token.is_word for token in tokens.items[end:]) else 0


def _without_of(rest: Tokens, language: str) -> Tokens:
    """Leave out the "of" between an amount and its food, which a bracket may precede."""
    start = 0
    while (token := rest.get(start)) is not None and token.bracket is not None:
        start += 1
    end = rest.skip(start, vocabulary(language).of)
    return Tokens(rest.text, [*rest.items[:start], *rest.items[end:]])


def _size_behind_food(amount: LineAmount, rest: Tokens, language: str) -> tuple[LineAmount, Tokens]:
    """Take the size of a package or piece from behind its food: "1 can of tuna of 160 g"."""
    unit = amount.unit
    if unit is None or amount.size is not None or not (unit.container or unit.name == "piece"):
        return amount, rest
    for position in range(1, len(rest.items)):
        if rest.skip(position, vocabulary(language).each) == position:
            continue
        stop = next(
            (n for n in range(position, len(rest.items)) if rest.is_sign(n, ",;")), len(rest.items)
        )
        if (size := read_size(rest.text_of(position, stop), language)) is not None:
            left = Tokens(rest.text, [*rest.items[:position], *rest.items[stop:]])
            return replace(amount, size=size), left
    return amount, rest


def _part(tokens: Tokens, language: str) -> tuple[str, int]:
    """Return the part that is taken of a counted food ("juice of 1 lemon"), and its end."""
    words = vocabulary(language)
    end = tokens.skip(0, words.parts)
    while end and (more := tokens.skip(tokens.skip(end, words.and_), words.parts)) > end + 1:
        end = more
    behind = tokens.skip(end, words.of)
    behind += behind > end and tokens.is_sign(behind, "'")
    if end:
        amount = read_amount(tokens, behind, language)
        weighed = amount is not None and amount.unit is not None and not amount.unit.is_counted
        if amount is not None and amount.quantity is not None and not weighed:
            food = tokens.get(amount.end)
            if food is not None and food.is_word:
                return tokens.slice(0, end).plain(), behind
    return "", 0


def _amount_behind(tokens: Tokens, language: str) -> tuple[LineAmount | None, Tokens]:
    """Find an amount at the end of a line: "Mehl 200 g", "Eggs: 2", "Uova 3"."""
    known = vocabulary(language)
    only = sum(token.number is not None for token in tokens.items) == 1
    for position in range(1, len(tokens.items)):
        unit = tokens.unit(position, language)
        if unit is not None and unit[0].name in ("tsp", "tbsp") and unit[1] < len(tokens.items):
            amount = read_amount(tokens, position, language)  # 醤油 大さじ2
            if amount is not None and amount.unit == unit[0] and amount.end == len(tokens.items):
                return amount, tokens.slice(0, position)
        separated = tokens.is_sign(position - 1, ":-,") or tokens.items[position - 1].folded == "x"
        if tokens.items[position].number is None:
            continue
        amount = read_amount(tokens, position, language)
        if amount is None or amount.quantity is None:
            continue
        after = [token for token in tokens.items[amount.end :] if token.bracket is None]
        counted = (
            only
            and amount.unit is None
            and amount.quantity <= _MAX_COUNT
            and not known.not_counts.match([tokens.items[position - 1].folded])
        )
        if not after and (amount.unit is not None or separated or counted):
            end = position - separated
            brackets = [token for token in tokens.items[amount.end :] if token.bracket is not None]
            return amount, Tokens(tokens.text, [*tokens.items[:end], *brackets])
    return None, tokens


def _food_not_unit(
    tokens: Tokens, amount: LineAmount | None, rest: Tokens
) -> tuple[LineAmount | None, Tokens]:
    """Take a counted unit for the food where no food follows: "4 cloves, crushed"."""
    if amount is None or amount.unit is None:
        return amount, rest
    first = rest.get(0)
    if amount.unit.measure.dimension in ("g", "ml") or amount.unit.name == "piece":
        return amount, rest
    if first is not None and (first.is_word or first.number is not None):
        return amount, rest
    if any(token.is_word for token in rest.items) and not rest.is_sign(0, ",;"):
        return amount, rest
    length = sum(token.is_word for token in tokenize(amount.unit_text, "en").items)
    start = amount.end
    while length and start:
        start -= 1
        length -= tokens.items[start].is_word
    return replace(amount, unit=None, unit_text=""), tokens.slice(start)


def _build(
    line: str, language: str, amount: LineAmount | None, food: FoodName, part: str
) -> IngredientLine:
    notes = [*(amount.notes if amount else ()), part, *food.notes]
    alternatives = tuple(
        replace(parsed, quantity=amount.quantity, unit=_unit(amount), unit_text=amount.unit_text)
        if parsed.unit is None and amount is not None
        else parsed
        for parsed in (_parse(text, language) for text in food.alternatives)
    )
    return IngredientLine(
        text=line,
        language=language,
        name=food.name,
        quantity=amount.quantity if amount else None,
        quantity_max=amount.quantity_max if amount else None,
        unit=_unit(amount),
        unit_text=amount.unit_text if amount else "",
        size=amount.size if amount else None,
        note=", ".join(note for note in notes if note),
        optional=food.optional or read_notes(notes, language),
        alternatives=alternatives,
        confidence=_confidence(amount, food, language),
    )


def _unit(amount: LineAmount | None) -> str | None:
    if amount is None or (amount.quantity is None and amount.unit is None):
        return None
    return amount.unit.name if amount.unit is not None else ""


def _confidence(amount: LineAmount | None, food: FoodName, language: str) -> float:
    if not food.name:
        return _NO_NAME
    confidence = _SURE
    if any(character.isdigit() for character in food.name):
        confidence *= _NUMBER_LEFT
    if len(food.name.split()) > _LONG_NAME_WORDS:
        confidence *= _LONG_NAME
    if amount is None:
        confidence *= _NO_AMOUNT
    if language not in LANGUAGES:
        confidence *= _ELSEWHERE
    return round(confidence, 2)
