"""What a shop prints beside all its names: counts of lines, leading quantities, article codes.

One line alone does not tell a code from a word, or a count from a quantity; all of them do.
"""

import re
from dataclasses import replace
from decimal import Decimal

from sidecar.receipts.items.draft import DraftItem, shared
from sidecar.receipts.lines.names import TAX_CODE, TRIM, names_something


def leading_quantities(
    drafts: tuple[DraftItem, ...], quantity_first: bool
) -> tuple[DraftItem, ...]:
    """Numbers before names: a count of lines (1, 2, 3, …) is dropped, a quantity is used."""
    leading = [_leading(draft.name) for draft in drafts]
    present = [number for number in leading if number is not None]
    if not present:
        return drafts
    numbered = sum(bool(re.match(r"^\W*\d{1,3}[.)]", draft.name)) for draft in drafts)
    counted = numbered * 2 > len(present) or (
        len(present) > 1
        and all(number is None or number == place for place, number in enumerate(leading, start=1))
    )
    used = quantity_first or len(present) * 2 > len(drafts)
    tidied = []
    for draft, number in zip(drafts, leading, strict=True):
        alone = bool(re.match(r"^\W*\d{1,2}[xX@]\s", draft.name))
        if number is None or not (counted or used or alone):
            tidied.append(draft)
            continue
        bare = replace(draft, name=re.sub(r"^\W*\d{1,3}[.)xX@]?\s+", "", draft.name))
        if (counted and not quantity_first) or draft.proved:
            tidied.append(bare)
        else:
            tidied.append(shared(bare, Decimal(number), None) if number else bare)
    return tuple(tidied)


def _leading(name: str) -> int | None:
    match = re.match(r"^\W*(\d{1,3})[.)xX@]?\s+(?:\d{3,6}\s+)?\S*[^\W\d]{2}", name)
    return int(match[1]) if match else None


_ARTICLE = r"\(?(?:[A-Z]{1,4}-?[A-Z]?\d{1,6}|\d{3,6})\)?"


_LONG_ARTICLE = re.compile(r"\(?[A-Z]{1,4}-?[A-Z]?\d{4,}\)?|\([A-Z]\d{2,}\)")


def without_codes(drafts: tuple[DraftItem, ...]) -> tuple[DraftItem, ...]:
    """The shop's article codes taken off names: "B1" alone may be a word, on every line it is none."""
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


def named(draft: DraftItem) -> DraftItem:
    """The draft; one whose words all looked like codes is called by what stands on its line."""
    if draft.name:
        return draft
    words = [word for line in draft.raw for word in line.split()]
    shown = [word for word in words if not _AMOUNT.fullmatch(word) and not TAX_CODE.match(word)]
    return replace(draft, name=" ".join(shown).strip(TRIM))


_AMOUNT = re.compile(
    r"\W*(?:RM|EUR|USD|GBP)?\W*\d{1,3}(?:[.,]?\d{3})*[.,]\d{2}\W*|\W+|\d{1,2}", re.IGNORECASE
)
