"""The time of the purchase: 18:42, 6:22 PM, 17h34, 13:43:58 Uhr.

A receipt may show several times: opening hours, a table's, the card's. The one beside the date of
the purchase comes first, then one with a label, then one near the date.
"""

import datetime
import re
from collections.abc import Iterator

from sidecar.receipts.fields.dates import dates_in
from sidecar.receipts.lines.lines import ReceiptLines
from sidecar.receipts.models import ReceiptTime
from sidecar.receipts.word_lists import pattern

_CLOCK = re.compile(
    r"(?<![\d.,/-])(?<!\d:)(\d{1,2})\s?(?::|[HU](?=\d{2}(?!\d))|\.(?=\d{2}(?:[.:]\d{2})?\s?(?:[AP]\.?M|UHR)))"
    r"\s?(\d{2})(?:\s?[:.]\s?(\d{2}))?(?!-?\d)(?:\s?([AP])(?:\.?\s?M\b|(?![A-Z])))?"
)
_LABEL = pattern("dates", "time_labels")
_OPENING_HOURS = pattern("dates", "opening_hours")
_OFFER_END = re.compile(r"\b(VALID|EXPIR\w*|UNTIL|BEFORE|DUE)\b.*")
_GLUED = re.compile(r"(?<=:\d{2})(?=\d{2}[/-]\d{2}[/-])|(?<=[/-]20\d{2})(?=\d{1,2}:\d{2})")

# Scores of a time, and the confidence in the best one by its score. Of 111 times on labeled scans,
# all beside the date or with a label were right, and four of the five others.
_BESIDE_DATE, _LABELED, _NEAR_DATE = 2.0, 1.0, 0.8
_CONFIDENCE = ((_BESIDE_DATE, 0.97), (_LABELED, 0.9), (0.0, 0.6))


def time_of(receipt: ReceiptLines, day: datetime.date | None) -> ReceiptTime | None:
    """Return the time with the highest score, or None; `day` is the date of the purchase."""
    texts = [_GLUED.sub(" ", _OFFER_END.sub("", line.text.upper())) for line in receipt.lines]
    dated = [day is not None and day in dates_in(text) for text in texts]
    best, best_score = None, -1.0
    for index, text in enumerate(texts):
        if _OPENING_HOURS.search(text):
            continue
        score = _LABELED if _LABEL.search(text) else 0.0
        if dated[index]:
            score += _BESIDE_DATE
        elif any(dated[max(0, index - 1) : index + 2]):
            score += _NEAR_DATE
        for time in _times(text):
            if score > best_score:
                best, best_score = time, score
    if best is None:
        return None
    value = best.isoformat("seconds" if best.second else "minutes")
    confidence = next(sure for score, sure in _CONFIDENCE if best_score >= score)
    return ReceiptTime(value=value, confidence=confidence)


def _times(text: str) -> Iterator[datetime.time]:
    for match in _CLOCK.finditer(text):
        hour, minute, second = int(match[1]), int(match[2]), int(match[3] or 0)
        if match[4] and 1 <= hour <= 12:
            hour = hour % 12 + (12 if match[4] == "P" else 0)
        if hour < 24 and minute < 60 and second < 60:
            yield datetime.time(hour, minute, second)
