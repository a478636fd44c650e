"""The time of the purchase: 18:42, 6:22 PM, 17h34, 13:43:58 Uhr.

A receipt shows several: opening hours, a table's, the card's. The one beside the day of the purchase
is meant, else the one that a word names, else one near the day.
"""

import datetime
import re
from collections.abc import Iterator

from sidecar.receipts.fields.dates import days_in
from sidecar.receipts.lines.lines import ReceiptLines
from sidecar.receipts.models import ReceiptTime

_CLOCK = re.compile(
    r"(?<![\d.,/-])(?<!\d:)(\d{1,2})\s?(?::|[HU](?=\d{2}(?!\d))|\.(?=\d{2}(?:[.:]\d{2})?\s?(?:[AP]\.?M|UHR)))"
    r"\s?(\d{2})(?:\s?[:.]\s?(\d{2}))?(?!-?\d)(?:\s?([AP])(?:\.?\s?M\b|(?![A-Z])))?"
)
_NAMED = re.compile(r"\b(TIME|ZEIT|UHRZEIT|UHR|HEURE|HORA|ORA|TID|TIJD|KLO|MASA|HR)\b")
_HOURS = re.compile(  # when the shop is open
    r"OPEN|HOURS?\b|CLOSE|AVOINNA|GEOFFNET|GEÖFFNET|ÖFFNUNG|OFFNUNG|HORAIRE|OUVERT|HORARIO|ORARIO|"
    r"\d\s?[:.H]\s?\d{2}\s?(?:[AP]M)?\s?[-–]\s?\d{1,2}\s?[:.H]\s?\d{2}"
)
_LATER = re.compile(r"\b(VALID|EXPIR\w*|UNTIL|BEFORE|DUE)\b.*")  # what an offer says of its end

_GLUED = re.compile(r"(?<=:\d{2})(?=\d{2}[/-]\d{2}[/-])|(?<=[/-]20\d{2})(?=\d{1,2}:\d{2})")

#: What speaks for a time, and how sure the best one then is: of 111 on labelled scans, those beside
#: the day and the named ones were all as a person reads them, one of the five others was not.
_BESIDE, _NAMED_SO, _NEAR = 2.0, 1.0, 0.8
_SURE = ((_BESIDE, 0.97), (_NAMED_SO, 0.9), (0.0, 0.6))


def time_of(receipt: ReceiptLines, day: datetime.date | None) -> ReceiptTime | None:
    """The time that most speaks for, or None; `day`: that of the purchase, where it was found."""
    texts = [_GLUED.sub(" ", _LATER.sub("", line.row.text.upper())) for line in receipt.lines]
    dated = [day is not None and day in days_in(text) for text in texts]
    best, most = None, -1.0
    for place, text in enumerate(texts):
        if _HOURS.search(text):
            continue
        weight = _NAMED_SO if _NAMED.search(text) else 0.0
        if dated[place]:
            weight += _BESIDE
        elif any(dated[max(0, place - 1) : place + 2]):
            weight += _NEAR
        for time in _times(text):
            if weight > most:
                best, most = time, weight
    if best is None:
        return None
    value = best.isoformat("seconds" if best.second else "minutes")
    confidence = next(sure for weight, sure in _SURE if most >= weight)
    return ReceiptTime(value=value, confidence=confidence)


def _times(text: str) -> Iterator[datetime.time]:
    for match in _CLOCK.finditer(text):
        hour, minute, second = int(match[1]), int(match[2]), int(match[3] or 0)
        if match[4] and 1 <= hour <= 12:
            hour = hour % 12 + (12 if match[4] == "P" else 0)
        if hour < 24 and minute < 60 and second < 60:
            yield datetime.time(hour, minute, second)
