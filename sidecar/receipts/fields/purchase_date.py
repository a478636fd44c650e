"""The date of the purchase, in every form that tills print.

Each date in the text is a mention with one reading or more: 03/04/26 is the fourth of March, the third
of April, or in 2003. Evidence is added up for each day that a reading is (its words, a time beside it,
the order of the country and of the receipt's other dates); the probability compares the days with each
other and with none being right. Weights and words are data/calendar.toml.
"""

import datetime
import functools
import itertools
import math
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sidecar.receipts.fields.calendars import Scripts, day_of, scripts_of
from sidecar.receipts.fields.cldr import NOT_ASCII, Order, names
from sidecar.receipts.fields.evidence import best_of, softmax
from sidecar.receipts.fields.wording import Phrases, fold, plain
from sidecar.receipts.models import ReceiptDate
from sidecar.receipts.word_lists import load

_D = r"[\doil|]"
_S = r" ?([/.\-–~]) ?"
_NUMERIC = re.compile(
    rf"(?<![\w.,/-])({_D}{{1,4}}){_S}({_D}{{1,2}}) ?\2 ?({_D}{{4}}|{_D}{{2}}|(?<=\d\d\d\d\2\d\2)\d|(?<=\d\d\d\d\2\d\d\2)\d)(?![\do])(?![/-]\d|\.\d(?!\d?:))"
)
_SPACED = re.compile(r"(?<![\d.,] )(?<![\d.,])(\d{2}|20\d\d) (\d{2}) (20\d\d|\d{2})(?![\d.,])")
_MIXED = re.compile(
    rf"(?<![\w.,/-])({_D}{{1,2}})[.,/-] ?({_D}{{1,2}})[.,/-] ?(20\d\d)(?!\d|[.,]\d)"
)
_EIGHT = re.compile(r"(?<!\d)(20\d\d)(\d\d)(\d\d)(?!\d)")
_EIGHT_REVERSED = re.compile(r"(?<!\d)(\d\d)(\d\d)(20\d\d)(?!\d)")
_STAMP = re.compile(r"(?<!\d)(20\d\d)(\d\d)(\d\d)(?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d)?(?!\d)")
_TIMED = re.compile(r"(?<![\d.,])(\d\d)(\d\d)(\d\d) {1,3}(?=\d{1,2}:\d\d)")
_MISREAD = re.compile(r"(?<!\d)(\d\d)[71il|/]?(\d\d)/?(20\d\d|\d\d)(?= {1,2}\d{1,2}:\d\d)")
_UNMARKED = {
    _SPACED: "spaced",
    _TIMED: "timed_digits",
    _MISREAD: "misread",
    _MIXED: "misread",
    _EIGHT: "eight_digits",
    _EIGHT_REVERSED: "eight_digits",
    _STAMP: "stamp",
}
_WORD = rf"((?:{NOT_ASCII}{{1,4}}\.){{1,2}}{NOT_ASCII}{{1,4}}|{NOT_ASCII}{{2,}}|[a-z]{{3,}})"
_GAP = r"[\s.,/\-]{0,3}"
_OF = r"(?:(?:FILLERS) )?"
_DAY_MONTH = rf"(?<![\d.,/])({_D}?\d|\d{_D})(?:st|nd|rd|th|er|\.)?{_GAP}{_OF}{_WORD}({_GAP}{_OF}['’´`]? ?)(\d{{4}}|\d\d)(?!\d|[/-]\d|[.,]\d\d(?!\d*:))"
_MONTH_DAY = rf"(?<![a-z])(?<!{NOT_ASCII}){_WORD}{_GAP}({_D}?\d|\d{_D})(?:st|nd|rd|th)?([\s.,/\-'’´`]{{1,3}})(\d{{4}}|\d\d)(?!\d|[.,]\d\d(?!\d*:))"
_YEAR_MONTH = rf"(?<!\d)(20\d\d){_GAP}{_WORD}{_GAP}(\d{{1,2}})(?!\d|[.,]\d)"
_EAST = re.compile(
    r"([^\W\d_]{0,2}) ?(\d{1,4}) ?(?:[年년]|оны) ?(\d{1,2}) ?(?:[月월]|сарын) ?(\d{1,2})"
)
_ERA_LETTER = re.compile(r"(?<!\w)([rh]) ?(\d{1,2})[./](\d{2})[./](\d{2})(?![\d./])")  # R7.12.08
_VIETNAMESE = re.compile(r"(\d{1,2}) ?thang ?(\d{1,2}) ?nam ?(\d{4})")
_MARKED_YEAR = re.compile(r"[,'’´`/\-.]")
_GLUED = (
    # A time before a date, one after a date, and one after a sign that follows a date.
    (re.compile(r"(\d{1,2}:\d\d(?::\d\d)?)(?=\d{1,4}[/.-]\d{1,2}[/.-]\d)"), r"\1 "),
    (
        re.compile(r"((?<!\d)20\d\d[/.-]\d\d[/.-]\d\d|[/.-](?:19|20|25)\d\d)(?=\d{1,2}:\d\d)"),
        r"\1 ",
    ),
    (re.compile(r"([/.-]\d\d?[/.-]\d\d)(?=\d\d:\d\d)"), r"\1 "),
    (re.compile(r"(\d)[.\-t_,;|](?=\d{1,2}:\d\d)"), r"\1 "),
    # Sun Jun 24 20:49:53 CEST 2018
    (re.compile(r"([^\W\d_]{3} \d{1,2}) (\d\d:\d\d:\d\d)(?: [a-z]{3,4})? (20\d\d)"), r"\1 \3 \2"),
)
_CLOCK = re.compile(
    r"(?<![\d:])\d{1,2} ?[:h] ?[0-5]\d(?!\d)|(?<![\d.,])\d{1,2}\.\d\d ?(?:[ap]\.?m|uhr)"
)
_DOCUMENT = re.compile(
    r"#|\b(?:no|nr|n|num|inv\w*|rec\w*|bill|trans\w*|ref|doc|id|tel|nif|ft|fs|fr)\b"
)
_DIGITS = str.maketrans("oil|", "0111")
_BESIDE = 40
"""The characters before and after a date whose words may be about it."""
_UNSURE = 0.8
"""Below this confidence, other readings of the date are named in a warning."""


@dataclass(frozen=True, slots=True)
class _Mention:
    """A date in a line: what it may be by the order of its parts, and where it stands."""

    readings: tuple[tuple[Order, datetime.date], ...]
    shape: str
    """The weight of its form."""
    mark: str
    """What stands between its parts, if they may come in several orders."""
    start: int
    end: int


def date_of(
    lines: Sequence[str],
    requested: Order | None = None,
    expected: Order | None = None,
    *,
    today: datetime.date | None = None,
) -> tuple[ReceiptDate | None, tuple[str, ...]]:
    """Return the date of the purchase, and warnings.

    `requested` is the order of an ambiguous date by the caller, `expected` the one usual where the
    receipt is from. A date after tomorrow is unlikely.
    """
    latest = (today or datetime.datetime.now(datetime.UTC).date()) + datetime.timedelta(days=1)
    mentions = _mentions(lines)
    days = _days(mentions, requested, expected, latest)
    best, probabilities = best_of(days)
    if best is None:
        return None, ()
    confidence = probabilities[best]
    warnings: tuple[str, ...] = ()
    if confidence < _UNSURE:
        own = {
            day for m, _ in mentions for _, day in m.readings if best in dict(m.readings).values()
        }
        others = sorted(own - {best}, key=lambda day: -days[day])
        if others and probabilities[others[0]] > 1 - _UNSURE - 0.1:
            ways = f"{best.isoformat()} or {others[0].isoformat()}"
            warnings = (f"The date can be read two ways: {ways}.",)
    return ReceiptDate(value=best.isoformat(), confidence=round(confidence, 3)), warnings


def dates_in(text: str) -> frozenset[datetime.date]:
    """Return every date that a text may show."""
    mentions = _in_line(prepared(text), scripts_of([text]))
    return frozenset(day for m in mentions for _, day in m.readings)


def orders_of(lines: Sequence[str], day: datetime.date) -> set[Order]:
    """Return the orders in which dates that can be read in several ways are that day."""
    return {
        order
        for mention, _ in _mentions(lines)
        if len(mention.readings) > 1
        for order, other in mention.readings
        if other == day
    }


def prepared(line: str) -> str:
    """Return a line without case, with ASCII's digits, and with blanks between dates and times."""
    text = plain(line).lower()
    for glued, apart in _GLUED:
        text = glued.sub(apart, text)
    return text


def _days(
    mentions: Sequence[tuple[_Mention, float]],
    requested: Order | None,
    expected: Order | None,
    latest: datetime.date,
) -> dict[datetime.date, float]:
    """Return the score of each day that a mention may be; mentions come with that of their place."""
    weights = load("calendar")["date_weights"]
    orders = load("calendar")["orders"]
    certain = [m.readings[0] for m, _ in mentions if len(m.readings) == 1]
    full = {day for _, day in certain}
    shown = {order for order, _ in certain} - {"ymd"}
    scores: dict[datetime.date, list[float]] = defaultdict(list)
    for mention, place in mentions:
        likely = {
            (order, day): math.log(orders[mention.mark].get(order, 0.001))
            + weights["same_as_full"] * (day in full)
            + weights["same_order"] * ({order} == shown)
            + weights["expected"] * (order == (requested or expected))
            + weights["requested"] * (order == requested)
            + weights["future"] * (day > latest)
            + weights["year_of_age"] * max(0, latest.year - day.year)
            for order, day in mention.readings
        }
        for (_, day), share in softmax(likely).items():
            score = place + weights[mention.shape] + math.log(max(share, 1e-9))
            score += weights["future"] * (day > latest)
            scores[day].append(score)
    return {day: max(s) + weights["again"] * math.log(len(s)) for day, s in scores.items()}


def _mentions(lines: Sequence[str]) -> list[tuple[_Mention, float]]:
    """Return all dates, with the score of the words and times beside each."""
    weights = load("calendar")["date_weights"]
    scripts = scripts_of(lines)
    texts = [prepared(line) for line in lines]
    timed = [_CLOCK.search(text) is not None for text in texts]
    found = []
    for number, text in enumerate(texts):
        if not any(char.isdigit() for char in text):
            continue
        above = fold(texts[number - 1]) if number else ""
        end = 0
        for mention in _in_line(text, scripts):
            before = fold(text[max(end, mention.start - _BESIDE) : mention.start])
            after = fold(text[mention.end : mention.end + _BESIDE])
            score = 0.0
            if _purchase().within(before) or ("date" in before or "datum" in before):
                score += weights["label"]
            elif _purchase().within(_last_words(above)):
                score += weights["label_above"]
            if timed[number]:
                score += weights["time"]
            elif any(timed[max(0, number - 1) : number + 2]):
                score += weights["time_near"]
            if _others().within(before):
                score += weights["other_before"]
            elif _others().within(after) and not _in_line(text[mention.end :], scripts):
                score += weights["other_after"]
            elif not before.strip() and _others().within(_last_words(above)):
                score += weights["other_above"]
            if mention.shape in ("eight_digits", "stamp") and not timed[number]:
                score += weights["document_number"] * bool(_DOCUMENT.search(before))
            found.append((mention, score))
            end = mention.end
    return found


def _last_words(above: str) -> str:
    """Return the end of the line above, if it has no date itself."""
    return "" if dates_in(above) else " ".join(above.split()[-5:])


def _in_line(text: str, scripts: Scripts) -> list[_Mention]:
    """Return the dates of a prepared line, of those that overlap the first one found."""
    found: list[_Mention] = []
    for mention in itertools.chain(_named(text, scripts), _numeric(text, scripts), _unmarked(text)):
        if all(mention.end <= other.start or other.end <= mention.start for other in found):
            found.append(mention)
    return sorted(found, key=lambda mention: mention.start)


def _numeric(text: str, scripts: Scripts) -> Iterator[_Mention]:
    """Yield the dates whose parts are numbers with marks between them."""
    for match in _NUMERIC.finditer(text):
        first, mark, second, third = match.groups()
        if not any(c.isdigit() for c in first + second):
            continue
        mark = mark if mark in "/." else "-"
        parts = (first, second, third)
        shape = "full_year"
        if len(first) < 3 and len(third) < 4:
            dots = mark == "."
            shape = (
                ("one_digit_dots" if len(first) == 1 else "short_year_dots")
                if dots
                else "short_year"
            )
        if readings := _readings(parts, mark, scripts):
            yield _Mention(readings, shape, mark, match.start(), match.end())


def _readings(
    parts: tuple[str, str, str], mark: str, scripts: Scripts = frozenset()
) -> tuple[tuple[Order, datetime.date], ...]:
    """Return what three numbers may be; where the years have four digits, by their place."""
    first, second, third = (part.translate(_DIGITS) for part in parts)
    options: dict[Order, tuple[str, str, str]] = {}
    if len(first) < 3:
        options["dmy"] = (third, second, first)
        if mark != ".":
            options["mdy"] = (third, first, second)
    if len(first) > 2 or (len(third) < 4 and len(first) == len(second) == 2):
        options["ymd"] = (first, second, third)
    valid = [(order, day_of(*option, scripts)) for order, option in options.items()]
    unique = {day: order for order, day in reversed(valid) if day is not None}
    return tuple((order, day) for day, order in reversed(unique.items()))


def _named(text: str, scripts: Scripts) -> Iterator[_Mention]:
    """Yield the dates with a month's name, or with the words for year, month and day."""
    folded = fold(text)
    if len(folded) != len(text):
        text = folded  # places in it are compared with each other only
    day_month, month_day, year_month = _patterns()
    forms = ((day_month, 4, 2, 1, 3), (month_day, 4, 1, 2, 3), (year_month, 1, 2, 3, 0))
    for form, year, month, day, gap in forms:
        for match in form.finditer(folded):
            numbers = names().months.get(match[month], frozenset())
            days = (
                day_of(match[year], str(number), match[day].translate(_DIGITS), scripts)
                for number in numbers
            )
            readings: tuple[tuple[Order, datetime.date], ...] = tuple(("ymd", d) for d in days if d)
            if not readings:
                continue
            shape = "named_month"
            if len(match[year]) == 2:
                shape = "short_year_named"
                if form is month_day and not _MARKED_YEAR.search(match[gap]):
                    shape = "one_digit_dots"  # BIG MAC 12 19: needs a time or a label
            yield _Mention(readings, shape, "", match.start(), match.end())
    if not folded.isascii():
        for match in _EAST.finditer(text):
            era = next(
                (
                    n
                    for name, n in load("calendar")["eras"].items()
                    if match[1].upper().endswith(name)
                ),
                0,
            )
            if one := day_of(str(int(match[2]) + era), match[3], match[4], scripts):
                yield _Mention((("ymd", one),), "era", "", match.start(), match.end())
    for match in _ERA_LETTER.finditer(text):
        first = load("calendar")["eras"][match[1].upper()]
        if one := day_of(str(int(match[2]) + first), match[3], match[4]):
            yield _Mention((("ymd", one),), "era", "", match.start(), match.end())
    for match in _VIETNAMESE.finditer(folded):
        if one := day_of(match[3], match[2], match[1]):
            yield _Mention((("ymd", one),), "era", "", match.start(), match.end())


def _unmarked(text: str) -> Iterator[_Mention]:
    """Yield the dates whose parts are glued, or have blanks or misread marks between them."""
    for form, shape in _UNMARKED.items():
        for match in form.finditer(text):
            first, second, third = match.groups()
            if shape == "spaced" and len(first) == len(third):
                continue
            if readings := _readings((first, second, third), ""):
                yield _Mention(readings, shape, "", match.start(), match.end())


@functools.cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    fillers = load("calendar")["fillers"]
    day_month, month_day, year_month = (
        re.compile(form.replace("FILLERS", fillers))
        for form in (_DAY_MONTH, _MONTH_DAY, _YEAR_MONTH)
    )
    return day_month, month_day, year_month


@functools.cache
def _purchase() -> Phrases[None]:
    return _phrases("purchase")


@functools.cache
def _others() -> Phrases[None]:
    return _phrases("others")


def _phrases(table: str) -> Phrases[None]:
    return Phrases((phrase, None) for phrase in load("calendar")[table]["words"].split("|"))
