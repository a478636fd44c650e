"""Removes what a shop prints beside all its names: line numbers, quantities, article codes.

A single line doesn't show whether a word is a code, or a number a quantity; all lines together do.
"""

import re
from dataclasses import replace
from decimal import Decimal

from sidecar.receipts.items.draft import DraftItem, split_evenly
from sidecar.receipts.lines.names import TAX_CODE, TRIM, names_something

_ARTICLE = r"\(?(?:[A-Z]{1,4}-?[A-Z]?\d{1,6}|\d{3,6})\)?"
_LONG_ARTICLE = re.compile(r"\(?[A-Z]{1,4}-?[A-Z]?\d{4,}\)?|\([A-Z]\d{2,}\)")
_AMOUNT = re.compile(
    r"\W*(?:RM|EUR|USD|GBP)?\W*\d{1,3}(?:[.,]?\d{3})*[.,]\d{2}\W*|\W+|\d{1,2}", re.IGNORECASE
)


def leading_quantities(
    drafts: tuple[DraftItem, ...], quantity_first: bool
) -> tuple[DraftItem, ...]:
    """Remove line numbers (1, 2, 3, …) before names, and use quantities there."""
    leading = [_leading(draft.name) for draft in drafts]
    present = [number for number in leading if number is not None]
    if not present:
        return drafts
    dotted = sum(bool(re.match(r"^\W*\d{1,3}[.)]", draft.name)) for draft in drafts)
    numbered = dotted * 2 > len(present) or (
        len(present) > 1
        and all(number is None or number == index for index, number in enumerate(leading, start=1))
    )
    frequent = quantity_first or len(present) * 2 > len(drafts)
    cleaned = []
    for draft, number in zip(drafts, leading, strict=True):
        marked = bool(re.match(r"^\W*\d{1,2}[xX@]\s", draft.name))
        if number is None or not (numbered or frequent or marked):
            cleaned.append(draft)
            continue
        bare = replace(draft, name=re.sub(r"^\W*\d{1,3}[.)xX@]?\s+", "", draft.name))
        if (numbered and not quantity_first) or draft.proved or not number:
            cleaned.append(bare)
        else:
            cleaned.append(split_evenly(bare, Decimal(number), None))
    return tuple(cleaned)


def _leading(name: str) -> int | None:
    match = re.match(r"^\W*(\d{1,3})[.)xX@]?\s+(?:\d{3,6}\s+)?\S*[^\W\d]{2}", name)
    return int(match[1]) if match else None


def without_codes(drafts: tuple[DraftItem, ...]) -> tuple[DraftItem, ...]:
    """Remove article codes from names: a single "B1" may be a word, "B1" on most lines is not."""
    for side in (rf"^{_ARTICLE}(?=\s)\s*[-:]?\s*", rf"\s+{_ARTICLE}$"):
        pattern = re.compile(side)
        coded = sum(bool(pattern.search(draft.name)) for draft in drafts)
        everywhere = coded >= 2 and coded * 2 > len(drafts)
        drafts = tuple(
            replace(draft, name=rest)
            if (match := pattern.search(draft.name))
            and (everywhere or (side[0] == "^" and _LONG_ARTICLE.fullmatch(match[0].strip(" -:"))))
            and names_something(rest := pattern.sub("", draft.name))
            else draft
            for draft in drafts
        )
    return drafts


def with_fallback_name(draft: DraftItem) -> DraftItem:
    """Name a draft whose words all looked like codes by the words on its lines."""
    if draft.name:
        return draft
    words = [word for line in draft.raw for word in line.split()]
    shown = [word for word in words if not _AMOUNT.fullmatch(word) and not TAX_CODE.match(word)]
    return replace(draft, name=" ".join(shown).strip(TRIM))
