"""The currency of a receipt, by the signs that it prints and the countries that it may be from.

Each currency's score is that of its countries (`countries`) plus that of its signs. A sign that several
currencies share ("$", "kr") counts for all of them, so the country decides between them.
"""

import datetime
import functools
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from babel.core import get_global

from sidecar.receipts.fields.cldr import Order, date_order_of, digits, locale_of, tender
from sidecar.receipts.fields.countries import country_scores
from sidecar.receipts.fields.evidence import log_sum, softmax
from sidecar.receipts.fields.wording import Phrases, fold, plain
from sidecar.receipts.word_lists import load

_CERTAIN = 0.5
"""The least confidence of an answer; below it there is none."""
_SURE_ORDER = 0.9
_NEGLIGIBLE = 0.005

_AMOUNT = r"-?(?:\d{1,3}(?:[.,' ]\d{3})+(?:[.,]\d{2})?|\d+[.,]\d{2,3}|[.,]\d{2})(?!\d)"
_LOOSE = r"-?\d[\d.,']*"
_CENTS = re.compile(r"\d[.,]\d{2}(?![\d.,%])(?:\D{0,4})$")
_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?:[.,]\d{3})+(?![\d.,%])\D{0,4}$")
_MILLS = re.compile(r"(?<![\d.,])0[.,]\d{3}(?!\d)\D{0,4}$")
_CODE = re.compile(r"(?<![A-Z])[A-Z]{3}(?![A-Z])")
_BARE = re.compile(r"^\W*([^\W\d]{2,4}\.?)\W*$|\(([^\W\d]{2,4}\.?)\)")
"""A sign that heads a column of amounts: RM, (RM)."""
_MAX_COUNT = 8


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency (ISO 4217) with the probability that it is the receipt's."""

    code: str
    confidence: float


def currency_of(
    lines: Sequence[str],
    *,
    requested: str | None = None,
    shop: str | None = None,
    decimals: int | None = None,
    day: datetime.date | None = None,
) -> Currency | None:
    """Return the likeliest currency, or None if none is likely.

    `requested` is the caller's hint, `shop` the currency of a chain that sells in one country only,
    `decimals` the digits after the decimal mark of the receipt's amounts (0, 2 or 3), `day` that of
    the purchase: a country may have had another currency then.
    """
    scores = _scores(lines, country_scores(lines), shop, decimals, day)
    if requested is not None:
        scores[requested] = scores.get(requested, 0.0) + load("currencies")["weights"]["requested"]
    probabilities = softmax(scores)
    code = max(probabilities, key=lambda key: probabilities[key])
    if probabilities[code] >= _CERTAIN:
        return Currency(code, round(probabilities[code], 3))
    return None if requested is None else Currency(requested, _CERTAIN)


def date_order(code: str | None, lines: Sequence[str]) -> Order | None:
    """Return the order of dates in the countries that a receipt in this currency may be from."""
    scores = country_scores(lines)
    own = {c: s for c, s in scores.items() if code is None or code in tender().get(c, ())}
    orders: dict[Order | None, float] = defaultdict(float)
    either = load("calendar")["either_order"].split()
    for country, probability in softmax(own or scores).items():
        if probability > _NEGLIGIBLE:
            usual = None if country in either else date_order_of(locale_of(country))
            orders[usual] += probability
    best = max(orders, key=lambda order: orders[order])
    return best if orders[best] >= _SURE_ORDER else None


def _scores(
    lines: Sequence[str],
    countries: Mapping[str, float],
    shop: str | None,
    decimals: int | None,
    day: datetime.date | None,
) -> dict[str, float]:
    weights = load("currencies")["weights"]
    by_currency: dict[str, list[float]] = defaultdict(list)
    for country, score in countries.items():
        for rank, code in enumerate(tender(day)[country]):
            by_currency[code].append(score - weights["former"] * rank)
    scores = {code: log_sum(found) for code, found in by_currency.items()}
    for code, score in _shown(lines).items():
        scores[code] = scores.get(code, -2.0) + score
    if shop is not None:
        scores[shop] = scores.get(shop, 0.0) + weights["shop"]
    known = decimals if decimals is not None else _decimals(lines)
    if known is not None:
        for code in scores:
            scores[code] += weights["decimals"] * _fit(digits(code), known)
    return scores


def _fit(usual: int, shown: int) -> float:
    """Return how a currency with `usual` decimals fits amounts with as many as `shown`: -1 to 1."""
    if usual == shown:
        return 1.0 if shown != 2 else 0.0
    if {usual, shown} == {0, 3}:
        return 0.0  # three digits after a mark may be thousands
    return -1.0


def _decimals(lines: Sequence[str]) -> int | None:
    """Return 0 or 2 by the amounts at the ends of lines; None if they don't tell."""
    cents = sum(_CENTS.search(line) is not None for line in lines)
    thousands = sum(_THOUSANDS.search(line) is not None for line in lines)
    if cents + thousands == 0 or any(_MILLS.search(line) for line in lines):
        return None
    return 0 if thousands > 3 * cents else 2 if cents > thousands else None


def _shown(lines: Sequence[str]) -> dict[str, float]:
    """Return the score of each currency by its signs and codes.

    The sign of the first total comes first, or else the one printed most.
    """
    weights = load("currencies")["weights"]
    counts: Counter[tuple[frozenset[str], str]] = Counter()
    labeled: dict[tuple[frozenset[str], str], int] = {}
    for number, line in enumerate(lines):
        total = _totals().within(fold(line))
        for shown in set(_marks(plain(line), total)):
            counts[shown] += 1
            if total:
                labeled.setdefault(shown, number)
    scores: dict[str, float] = {}
    leader = min(counts, key=lambda s: (labeled.get(s, len(lines)), -counts[s]), default=None)
    for shown, count in counts.items():
        codes, kind = shown
        score = weights[kind] + weights["more"] * math.log(min(count, _MAX_COUNT))
        score += weights["total_line"] * (shown in labeled)
        if leader is not None and not codes & leader[0]:
            score *= weights["second"]  # what the total comes to in another currency
        for code in codes:
            scores[code] = max(scores.get(code, 0.0), score)
    return scores


def _marks(line: str, total: bool) -> Iterator[tuple[frozenset[str], str]]:
    """Yield the currencies that each sign and code of a line may mean, and its kind."""
    for pattern, signs in _signs():
        for match in pattern.finditer(line):
            yield signs[(match.lastgroup or "", match[match.lastgroup or 0])]
    if (bare := _BARE.search(line)) and (sign := bare[1] or bare[2]) in _bare_signs():
        yield _bare_signs()[sign], "letters"
    for match in _CODE.finditer(line):
        code = match[0]
        if code in _codes():
            before, after = (
                line[: match.start()].rstrip(" :(.-"),
                line[match.end() :].lstrip(" :).=-"),
            )
            beside = bool(re.search(r"\d$", before) or re.match(rf"(?:{_AMOUNT})|\d", after))
            alone = not before and not after
            if code in _words():
                labeled = _totals().within(fold(f"{before} {after}"))
                if labeled and (beside or not after):
                    yield frozenset({code}), "code"
                elif re.match(_AMOUNT, after):
                    yield frozenset({code}), "word_code"
            elif beside or alone or total or not after:
                yield frozenset({code}), "code"


@functools.cache
def _signs() -> tuple[
    tuple[re.Pattern[str], dict[tuple[str, str], tuple[frozenset[str], str]]], ...
]:
    """Return a pattern of all signs before an amount and one of those after it."""
    before: dict[str, set[str]] = defaultdict(set)
    after: dict[str, set[str]] = defaultdict(set)
    for entry, codes in load("currencies")["signs"].items():
        sign = entry.replace("#", "").strip()
        if not entry.startswith("#"):
            before[sign] |= set(codes.split())
        if not entry.endswith("#"):
            after[sign] |= set(codes.split())
    found = []
    for signs, is_before in ((before, True), (after, False)):
        words: list[str] = []
        others: list[str] = []
        meanings = {}
        forms = {form for sign in signs for form in (sign, sign.upper() if len(sign) > 1 else sign)}
        for form in sorted(forms, key=len, reverse=True):
            codes = next(signs[sign] for sign in signs if form in (sign, sign.upper()))
            lettered = (form[0].isalpha() and form[-1:].isalpha()) or form.rstrip(".").isalpha()
            kind = (
                ("one_letter" if len(form.rstrip(".")) == 1 else "letters") if lettered else "sign"
            )
            if form == "$":
                kind = "dollar"  # tills of other countries print it too
            if lettered and not form.isascii() and not form[0].isascii() and len(form) == 1:
                kind = "letters"
            (words if lettered else others).append(re.escape(form))
            meanings["w" if lettered else "s", form] = (frozenset(codes), kind)
        if is_before:
            # No letter or digit right before a word: UDG0R 45,62 has no rand, but a misread letter.
            text = rf"(?<![^\W\d_])(?:(?<!\d)(?P<w>{'|'.join(words)})\.? ?:? ?(?={_AMOUNT}|-?\d{{3}})|(?P<s>{'|'.join(others)})(?= ?:? ?[\d.,-]|\)?$))"
        else:
            text = (
                rf"(?:{_LOOSE}) ?(?:(?P<w>{'|'.join(words)})(?![^\W_])|(?P<s>{'|'.join(others)}))"
            )
        found.append((re.compile(text), meanings))
    return tuple(found)


@functools.cache
def _bare_signs() -> Mapping[str, frozenset[str]]:
    signs = load("currencies")["signs"].items()
    return {sign.strip("# "): frozenset(codes.split()) for sign, codes in signs}


@functools.cache
def _codes() -> frozenset[str]:
    return frozenset(code for codes in tender().values() for code in codes) & set(
        get_global("all_currencies")
    )


@functools.cache
def _words() -> frozenset[str]:
    return frozenset(load("currencies")["codes"]["words"].split())


@functools.cache
def _totals() -> Phrases[None]:
    """Return the words beside totals in all languages."""
    return Phrases(
        (phrase, None)
        for phrases in load("vocabulary")["total"].values()
        for phrase in phrases.split("|")
    )
