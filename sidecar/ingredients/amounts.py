"""Reads the amount at a place of an ingredient line: numbers, ranges, units and package sizes."""

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from sidecar.ingredients.tokens import Tokens, tokenize
from sidecar.ingredients.units import Unit, kitchen_units
from sidecar.ingredients.vocabulary import Vocabulary, vocabulary
from sidecar.text.folding import fold

_LENGTHS: Final = frozenset(("cm", "inch"))
_SIZES: Final = frozenset(("g", "kg", "oz", "lb", "ml", "cl", "dl", "l", "fl oz"))  # of packages
_GROUPED: Final = frozenset(("g", "ml"))  # units of which a thousand is usual
#: Units that may stand before the number: "g 200 farina", "大さじ2".
_BEFORE: Final = frozenset(("g", "kg", "dag", "mg", "ml", "cl", "dl", "l", "tsp", "tbsp"))
_THOUSAND: Final = 1_000
_SLASHED: Final = re.compile(r"(\d)/(\d)")
_SMALLEST_SIZE: Final = 10  # g or ml of a package


@dataclass(frozen=True, slots=True)
class Size:
    """The size of a package or piece: an amount of a unit."""

    quantity: Fraction
    unit: str


@dataclass(frozen=True, slots=True)
class LineAmount:
    """An amount, and the position behind it. `quantity` None stands for "some"."""

    quantity: Fraction | None
    end: int
    quantity_max: Fraction | None = None
    unit: Unit | None = None
    unit_text: str = ""
    size: Size | None = None
    notes: tuple[str, ...] = ()


def read_amount(tokens: Tokens, start: int, language: str) -> LineAmount | None:
    """Return the amount at `start`, None if there is none."""
    return _AmountReader(tokens, language).read(start)


def read_size(text: str, language: str) -> Size | None:
    """Return the size that a bracket or a phrase is ("14 oz", "about 400g", "à 400 g")."""
    tokens = tokenize(text, language)
    reader = _AmountReader(tokens, language)
    found = reader.size(tokens.skip(0, reader.words.each))
    return found[0] if found and found[1] == len(tokens.items) else None


class _AmountReader:
    def __init__(self, tokens: Tokens, language: str) -> None:
        self._tokens = tokens
        self._language = language
        self.words: Vocabulary = vocabulary(language)

    def read(self, start: int) -> LineAmount | None:
        tokens = self._tokens
        about = tokens.skip(start, self.words.about)
        between = tokens.skip(about, self.words.between)
        before = self._unit_before(between)
        number = self._number(before[1] if before else between)
        if number is None:
            return self._without_number(start) or self._without_number(about)
        low, position = number
        high, position = self._range_end(low, position, between=between > about)
        if high is None and self.words.slashed_ranges and (ends := self._slashed_range(position)):
            low, high = ends
        if before:
            unit, end = before
            text = tokens.slice(between, end).plain()
            return LineAmount(low, position, high, unit=unit, unit_text=text)
        if low < 1:  # "½ a cabbage"
            position = tokens.skip(position, self.words.articles)
        amount = self._with_unit(LineAmount(low, position, high))
        return self._more(amount)

    def _unit_before(self, position: int) -> tuple[Unit | None, int] | None:
        """Return the unit of "g 200" and the position of the number; no unit for "n. 3"."""
        tokens, start = self._tokens, position
        position = tokens.skip(start, self.words.number_signs)
        unit = None
        if position == start:
            found = tokens.unit(start, self._language)
            if found is None or found[0].name not in _BEFORE:
                return None
            unit, position = found
        token = tokens.get(position)
        if token is None or token.number is None:
            return None
        behind = tokens.unit(position + 1, self._language)
        return None if behind is not None and unit is not None else (unit, position)

    def _slashed_range(self, position: int) -> tuple[Fraction, Fraction] | None:
        """Return the ends of "2/3 cucchiai": in Italian a range, if a plural follows."""
        token, word = self._tokens.get(position - 1), self._tokens.get(position)
        match = _SLASHED.fullmatch(token.text) if token is not None else None
        if match is None or word is None or not word.is_word or word.folded[-1] not in "ie":
            return None
        unit = self._unit_at(position)
        if unit is not None and unit[0].name == "glass" and word.folded[-1] == "e":
            return None
        low, high = Fraction(match[1]), Fraction(match[2])
        return (low, high) if low >= 2 and high == low + 1 else None

    def size(self, position: int) -> tuple[Size, int] | None:
        """Return the number and unit at `position`, and the position behind them."""
        position = self._tokens.skip(position, self.words.about)
        token = self._tokens.get(position)
        if token is None or not token.number:
            return None
        behind = position + 1 + self._tokens.is_sign(position + 1, "-")
        unit = self._tokens.unit(behind, self._language)
        if unit is None or (
            unit[0].measure.dimension not in ("g", "ml") and unit[0].name not in _LENGTHS
        ):
            return None
        return Size(token.number, unit[0].name), unit[1]

    def _number(self, position: int) -> tuple[Fraction, int] | None:
        tokens = self._tokens
        token = tokens.get(position)
        if token is None:
            return None
        if token.number is not None:
            if not token.number or tokens.is_sign(position + 1, "%°"):
                return None
            if self._is_compound(position):
                return None
            value, position = token.number, position + 1
        elif (phrase := tokens.phrase_value(position, self.words.numbers)) is not None:
            value, position = phrase
            position += tokens.is_sign(position, "-'")
        else:
            return None
        behind = tokens.skip(position, self.words.and_)
        fraction = self._fraction(behind)
        if fraction is not None and value >= 1 and (behind > position or value == 1):
            return value * (behind > position) + fraction[0], fraction[1]
        return value, position

    def _fraction(self, position: int) -> tuple[Fraction, int] | None:
        """Return a fraction below one, as a number or in words."""
        token = self._tokens.get(position)
        if token is not None and token.number is not None:
            return (token.number, position + 1) if 0 < token.number < 1 else None
        phrase = self._tokens.phrase_value(position, self.words.numbers)
        return phrase if phrase is not None and phrase[0] < 1 else None

    def _is_compound(self, position: int) -> bool:
        """Return whether a number is part of a word, as in "5-spice powder"."""
        hyphen, word = self._tokens.get(position + 1), self._tokens.get(position + 2)
        return (
            hyphen is not None
            and word is not None
            and word.is_word
            and hyphen.text == "-"
            and hyphen.start == self._tokens.items[position].end
            and word.start == hyphen.end
            and self._tokens.unit(position + 2, self._language) is None
        )

    def _range_end(
        self, low: Fraction, position: int, *, between: bool = False
    ) -> tuple[Fraction | None, int]:
        tokens = self._tokens
        behind = (
            position + 1
            if tokens.is_sign(position, "-")
            else tokens.skip(position, self.words.range)
        )
        if between and behind == position:
            behind = tokens.skip(position, self.words.and_)
        if behind > position and (end := self._number(behind)) is not None and end[0] > low:
            if self._size_follows(behind):
                return None, position
            return end
        return None, position

    def _size_follows(self, position: int) -> bool:
        """Return whether "1-14 oz can" gives the size of a can."""
        size = self.size(position)
        if size is None or not self._tokens.is_sign(position - 1, "-"):
            return False
        unit = self._tokens.unit(size[1], self._language)
        return unit is not None and unit[0].container

    def _with_unit(self, amount: LineAmount) -> LineAmount:
        tokens, position, notes = self._tokens, amount.end, list(amount.notes)
        size: Size | None = None
        if self._is_times(position):
            position += 1
        position += tokens.is_sign(position, "-") and self._unit_at(position + 1) is not None
        behind = tokens.skip(position, self.words.of)  # "3/4 de taza"
        if (
            amount.quantity is not None
            and amount.quantity < 1
            and self._unit_at(behind) is not None
        ):
            position = behind
        if (bracket := self._bracket_size(position)) is not None:
            size, position = bracket, position + 1
        elif (thousand := self._grouped_thousand(amount, position)) is not None:
            return self._with_unit(thousand)
        elif (found := self.size(position)) is not None:
            size, position = found
        adjectives = tokens.skip(position, self.words.sizes)
        while adjectives > position:
            if tokens.skip(position, self.words.not_units) > position:
                break
            notes.append(tokens.slice(position, adjectives).plain())
            position = adjectives
            adjectives = tokens.skip(position, self.words.sizes)
        unit = self._unit_at(position)
        amount = replace(amount, end=position, size=size, notes=tuple(notes))
        if unit is None:
            return amount
        text = tokens.slice(position, unit[1]).plain()
        amount = replace(amount, unit=unit[0], unit_text=text, end=self._behind_sizes(unit[1]))
        return self._of_package(self._grouped(self._with_size(amount)))

    def _behind_sizes(self, position: int) -> int:
        """Return the position behind "EL, gehäuft"."""
        if not self._tokens.is_sign(position, ","):
            return position
        end = self._tokens.skip(position + 1, self.words.spoons)
        return end if end > position + 1 else position

    def _of_package(self, amount: LineAmount) -> LineAmount:
        """Read "400 g can" as a can of that size."""
        unit, quantity = amount.unit, amount.quantity
        if unit is None or quantity is None or amount.size or amount.quantity_max:
            return amount
        package = self._unit_at(amount.end)
        if unit.measure.dimension not in ("g", "ml") or package is None or unit.approximate:
            return amount
        if not package[0].container or unit.name not in _SIZES:
            return amount
        text = self._tokens.slice(amount.end, package[1]).plain()
        of_one = LineAmount(Fraction(1), package[1], unit=package[0], unit_text=text)
        if quantity < _SMALLEST_SIZE and unit.name in _GROUPED:  # "1 gr. Dose": a large one
            return replace(of_one, quantity=quantity, notes=(*amount.notes, amount.unit_text))
        return replace(of_one, size=Size(quantity, unit.name), notes=amount.notes)

    def _unit_at(self, position: int) -> tuple[Unit, int] | None:
        if self._tokens.skip(position, self.words.not_units) > position:
            return None
        return self._tokens.unit(position, self._language)

    def _is_times(self, position: int) -> bool:
        token = self._tokens.get(position)
        return token is not None and token.folded in ("x", "*")

    def _bracket_size(self, position: int) -> Size | None:
        token = self._tokens.get(position)
        if token is None or token.bracket is None:
            return None
        return read_size(token.bracket, self._language)

    def _with_size(self, amount: LineAmount) -> LineAmount:
        """Read the size behind a package, or behind the length of a piece."""
        assert amount.unit is not None
        tokens, position = self._tokens, amount.end
        if amount.unit.name in _LENGTHS and amount.quantity is not None:
            position += tokens.is_sign(position, "-")
            piece = self._unit_at(position)
            if piece is None or piece[0].name not in ("piece", "stick"):
                return amount
            text = tokens.slice(position, piece[1]).plain()
            size = amount.size or Size(amount.quantity, amount.unit.name)
            return replace(
                amount, quantity=Fraction(1), size=size, unit=piece[0], unit_text=text, end=piece[1]
            )
        if amount.size is not None or amount.unit.measure.dimension in ("g", "ml"):
            return amount
        if (bracket := self._bracket_size(position)) is not None:
            return replace(amount, size=bracket, end=position + 1)
        behind = tokens.skip(position, self.words.each)
        found = self.size(behind) if behind > position or amount.unit.container else None
        return replace(amount, size=found[0], end=found[1]) if found else amount

    def _grouped_thousand(self, amount: LineAmount, position: int) -> LineAmount | None:
        """Read "1 000 g" as a thousand unless a package follows ("2 400 g cans")."""
        token, unit = self._tokens.get(position), self._unit_at(position + 1)
        if token is None or unit is None or len(token.text) != 3 or not token.text.isdecimal():
            return None
        package = self._tokens.unit(unit[1], self._language)
        if (
            unit[0].name not in _GROUPED
            or amount.quantity is None
            or amount.quantity.denominator != 1
            or amount.quantity_max is not None
            or self._is_times(position - 1)
            or (package is not None and package[0].container)
        ):
            return None
        return replace(
            amount, quantity=amount.quantity * _THOUSAND + int(token.text), end=position + 1
        )

    def _grouped(self, amount: LineAmount) -> LineAmount:
        """Read "1.000 g" and "1,500 ml" as thousands, as cooks write them."""
        unit, quantity = amount.unit, amount.quantity
        if unit is None or unit.name not in _GROUPED or quantity is None:
            return amount
        token = next((t for t in self._tokens.items if t.number == quantity), None)
        if token is None or quantity < 1:
            return amount
        _, sign, decimals = token.text.replace(",", ".").partition(".")
        if sign and len(decimals) == 3:
            return replace(amount, quantity=quantity * _THOUSAND)
        return amount

    def _more(self, amount: LineAmount) -> LineAmount:
        """Read what may follow the unit: the end of a range, a sum, the same in other units."""
        unit, tokens = amount.unit, self._tokens
        if unit is None or amount.quantity is None:
            return amount
        low, position = amount.quantity, amount.end
        if tokens.is_sign(position, "/") and (other := self.size(position + 1)) is not None:
            other = self.size(other[1]) or other  # "1 lb 2 oz"
            text = tokens.slice(position + 1, other[1]).plain()
            return replace(amount, end=other[1], notes=(*amount.notes, text))
        if (half := self._half_behind(position)) is not None:
            return replace(amount, quantity=low + half[0], end=half[1])
        high, behind = self._range_end(low, position)
        if high is not None and (second := self._unit_at(behind)) is not None:
            measures = unit.measure, second[0].measure
            if measures[0].dimension == measures[1].dimension:
                high = high * measures[1].size / measures[0].size
                return replace(amount, quantity_max=high, end=second[1])
        behind = tokens.skip(position, self.words.plus)
        added = self._number(behind)
        second = self._unit_at(added[1]) if added else None
        if added is None or second is None:
            return amount
        measures = unit.measure, second[0].measure
        if measures[0].dimension not in ("g", "ml") or (
            measures[0].dimension != measures[1].dimension
        ):
            return amount
        total = low + added[0] * measures[1].size / measures[0].size
        return replace(amount, quantity=total, end=second[1])

    def _half_behind(self, position: int) -> tuple[Fraction, int] | None:
        """Read the fraction of "una taza y media de" and "1 tasse 1/2 de"."""
        tokens = self._tokens
        start = tokens.skip(position, self.words.and_)
        half = self._fraction(start)
        if half is None or self._unit_at(half[1]) is not None:
            return None
        behind = tokens.skip(half[1], self.words.of) > half[1]
        token = tokens.get(start)
        assert token is not None
        if start > position:
            return half if behind else None
        return half if token.number is not None else None

    def _without_number(self, position: int) -> LineAmount | None:
        """Read "some", an article, or a unit that needs no number ("pinch of salt")."""
        tokens = self._tokens
        behind = tokens.skip(position, self.words.some)
        if behind > position:
            behind += tokens.is_sign(behind, "'")
            text = tokens.slice(position, behind).plain()
            return self._with_unit(LineAmount(None, behind, notes=(text,)))
        behind = tokens.skip(position, self.words.articles)
        behind += behind > position and tokens.is_sign(behind, "'")
        if behind > position:
            return self._more(self._with_unit(LineAmount(Fraction(1), behind)))
        amount = self._with_unit(LineAmount(Fraction(1), position))
        unit = amount.unit
        if unit is None or amount.size is not None:
            return None
        followed = tokens.skip(amount.end, self.words.of) > amount.end
        food = tokens.get(amount.end)
        bare = food is not None and food.is_word and tokens.skip(position, self.words.bare)
        if (
            unit.approximate
            or bare
            or (followed and unit.measure.dimension not in ("g", "ml", "piece"))
        ):
            plural = followed and fold(amount.unit_text) in kitchen_units().plurals.get(
                self._language, ()
            )
            return replace(amount, quantity=None if plural else amount.quantity)
        return None
