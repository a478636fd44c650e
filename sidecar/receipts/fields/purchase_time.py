"""The time of the purchase: 18:42, 6:22 PM, 17h34, kl. 13.43, 14시 30분.

A receipt may show several: opening hours, a table's, the card's. Evidence is added up for each, as for
dates (`purchase_date`).
"""

import datetime
import functools
import math
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sidecar.receipts.fields.cldr import names
from sidecar.receipts.fields.evidence import best_of
from sidecar.receipts.fields.purchase_date import dates_in, prepared
from sidecar.receipts.fields.wording import Phrases, fold
from sidecar.receipts.models import ReceiptTime
from sidecar.receipts.word_lists import load

_D = r"[\doil|]"
_H, _M = rf"((?<![^\W\d_])[oil|]\d|\d{_D}?)", rf"({_D}{{2}})"
_COLON = re.compile(rf"(?<![\d.,/-])(?<!\d:){_H} ?: ?{_M}(?: ?[:.] ?{_M})?(?![\d%])(?!-\d)(?!:\d)")
_LETTER = re.compile(rf"(?<![\d.,/:-]){_H} ?[hu] ?{_M}(?:[m:]{_M}s?)?(?![\d\w])")
_DOTS = re.compile(rf"(?<![\d.,/:-]){_H}\.{_M}(?:[.:]{_M})?(?![\d%]|[.,/-]\d)")
_EAST = re.compile(r"(\d{1,2}) ?[時时시] ?(\d{1,2}) ?[分분](?: ?(\d{1,2}) ?[秒초])?")
_RANGE_AFTER = re.compile(
    r"\s*(?:[ap]\.?m\.?)?\s*(?:[-–~]|to|bis|a|till?|do|till)\s*\d{1,2}(?:[:.h]\d\d|\s*[ap]m)"
)
_RANGE_BEFORE = re.compile(
    r"(?<![\d/.-])\d{1,2}(?:[:.h]\d\d)?\s*(?:[ap]\.?m\.?)?\s*(?:[-–~]|to|bis|a|till?|do)\s*$"
)
_AFTER_TIME = re.compile(r"\s*(?:uhr|hrs|h\b)")
_BESIDE = 30
_DIGITS = str.maketrans("oil|", "0111")


@dataclass(frozen=True, slots=True)
class _Mention:
    """A time in a line, with where it stands; `loose` if its form is an amount's too."""

    time: datetime.time
    start: int
    end: int
    loose: bool = False


def time_of(lines: Sequence[str], day: datetime.date | None) -> ReceiptTime | None:
    """Return the likeliest time, or None; `day` is the date of the purchase."""
    weights = load("calendar")["time_weights"]
    scores: dict[tuple[int, int], list[float]] = defaultdict(list)
    likeliest: dict[tuple[int, int], tuple[float, datetime.time]] = {}
    for time, score in _scored(lines, day):
        minute = (time.hour, time.minute)
        scores[minute].append(score)
        likeliest[minute] = max(
            (score + bool(time.second), time), likeliest.get(minute, (-math.inf, time))
        )
    best, probabilities = best_of(
        {key: max(s) + weights["again"] * math.log(len(s)) for key, s in scores.items()}
    )
    if best is None:
        return None
    time = likeliest[best][1]
    value = time.isoformat("seconds" if time.second else "minutes")
    return ReceiptTime(value=value, confidence=round(probabilities[best], 3))


def _scored(
    lines: Sequence[str], day: datetime.date | None
) -> Iterator[tuple[datetime.time, float]]:
    """Yield each time with its score by what stands beside it."""
    weights = load("calendar")["time_weights"]
    texts = [prepared(line) for line in lines]
    dated = [day is not None and day in dates_in(line) for line in lines]
    for number, text in enumerate(texts):
        if not any(char.isdigit() for char in text):
            continue
        above = fold(texts[number - 1]) if number else ""
        start = 0
        for mention in _in_line(text):
            before = fold(text[max(start, mention.start - _BESIDE) : mention.start])
            labeled = bool(_words("time").within(before) or _AFTER_TIME.match(text, mention.end))
            if mention.loose and not (
                labeled or (_ends_date(text[: mention.start]) and text[mention.start + 2] == ".")
            ):
                continue
            score: float = weights["dots"] if mention.loose else weights["clock"]
            if labeled:
                score += weights["label"]
            elif not before.strip() and _words("time").within(above) and number:
                score += weights["label_above"]
            if dated[number]:
                score += weights["date"]
            elif any(dated[max(0, number - 1) : number + 2]):
                score += weights["date_near"]
            if _words("other_times").within(before):
                score += weights["other_before"]
            if _RANGE_AFTER.match(text, mention.end) or _RANGE_BEFORE.search(text[: mention.start]):
                score += weights["range"]
            # Of several beside one date, the first: others are the table's, or the offer's.
            yield mention.time, score - 0.01 * number - (0.5 if start else 0.0)
            start = mention.end


def _ends_date(before: str) -> bool:
    """Return whether a text ends with a date."""
    return bool(dates_in(before[-14:])) and not re.search(r"[^\W\d]\W*$", before)


def _in_line(text: str) -> list[_Mention]:
    found: list[_Mention] = []
    for form in (_EAST, _COLON, _LETTER, _DOTS):
        for match in form.finditer(text):
            parts = [int(part.translate(_DIGITS)) for part in match.groups() if part]
            if not all(any(c.isdigit() for c in part) for part in match.groups() if part):
                continue
            hour = _in_day(parts[0], text[: match.start()], text[match.end() :])
            overlaps = any(
                match.start() < other.end and other.start < match.end() for other in found
            )
            if hour < 24 and max(parts[1:]) < 60 and not overlaps:
                marked = re.match(r"\s?[ap]\.?\s?m\b", text[match.end() :])
                loose = form is _DOTS and not marked
                time = datetime.time(hour, parts[1], parts[2] if len(parts) > 2 else 0)
                found.append(_Mention(time, match.start(), match.end(), loose))
    return sorted(found, key=lambda mention: mention.start)


def _in_day(hour: int, before: str, after: str) -> int:
    """Return the hour of 24, by a word for the half of the day beside it."""
    if not 1 <= hour <= 12:
        return hour
    match = _half().match(fold(after))
    half = match[1] if match else None
    if half is None and not before.isascii():
        match = _half_before().search(fold(before))
        half = match[1] if match else None
    if half is None:
        return hour
    late = half.strip(". ") in {name.strip(". ") for name in names().after_noon}
    return hour % 12 + 12 * late


@functools.cache
def _half() -> re.Pattern[str]:
    return re.compile(rf"\s?({_halves()})(?![^\W_])")


@functools.cache
def _half_before() -> re.Pattern[str]:
    return re.compile(rf"({_halves()})\s?$")


def _halves() -> str:
    found = {
        form
        for name in names().before_noon | names().after_noon
        for form in (name, name.strip("."))
    }
    found -= {"m", "f", "e", "d", "os", "oo", "sa", "ch"}
    found |= {"a.m", "p.m", "a m", "p m", "sa", "ch"}
    return "|".join(re.escape(form) for form in sorted(found, key=len, reverse=True) if form)


@functools.cache
def _words(table: str) -> Phrases[None]:
    return Phrases((phrase, None) for phrase in load("calendar")[table]["words"].split("|"))
