"""Variations of real receipts: the words of another language, amounts in another style."""

import random
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from sidecar.receipts.fields.wording import fold
from sidecar.receipts.roles.numbers import NUMBER, NumberFormat, format_of, value_of
from sidecar.receipts.roles.vocabulary import MEANINGS, phrases_in
from sidecar.receipts.training.money_styles import MoneyStyle, random_style
from sidecar.receipts.word_lists import load

_WORD = re.compile(r"[^\W\d_]+")


def vary(rng: random.Random, text: str, truth: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a labeled receipt in another language and style; None if its amounts have no format."""
    written = format_of(text.splitlines())
    style = random_style(rng)
    factor = Decimal(10) ** (written.decimals - style.decimals)
    if style.decimals != written.decimals and style.decimals == 3:
        return None
    restyle = rng.random() < 0.7
    if not restyle:
        factor = Decimal(1)
    language = rng.choice(list(load("vocabulary")["total"]))
    lines = []
    for line in text.splitlines():
        translated = _translate(rng, line, language) if rng.random() < 0.9 else line
        if restyle:
            translated = _restyle(translated, written, style, factor)
        lines.append(translated)
    scaled = {**truth, "text": "\n".join(lines)}
    if truth.get("total"):
        scaled["total"] = str(Decimal(truth["total"]) * factor)
    if truth.get("items"):
        scaled["items"] = [
            {**item, "total_price": str(Decimal(str(item["total_price"])) * factor)}
            for item in truth["items"]
        ]
    return scaled


def _translate(rng: random.Random, line: str, language: str) -> str:
    words = list(_WORD.finditer(line))
    folded = [fold(word.group()) for word in words]
    found = sorted(phrases_in(folded), key=lambda p: p.start - p.end)
    edits: list[tuple[int, int, str]] = []
    taken: set[int] = set()
    for phrase in found:
        span = range(phrase.start, phrase.end)
        options = load("vocabulary")[MEANINGS[phrase.meaning]].get(language)
        if taken.intersection(span) or options is None:
            continue
        taken.update(span)
        start, end = words[phrase.start].start(), words[phrase.end - 1].end()
        new = rng.choice(options.split("|")).strip()
        edits.append((start, end, new.upper() if line[start:end].isupper() else new.capitalize()))
    for start, end, new in sorted(edits, reverse=True):
        line = line[:start] + new + line[end:]
    return line


def _restyle(line: str, written: NumberFormat, style: MoneyStyle, factor: Decimal) -> str:
    def rewrite(match: re.Match[str]) -> str:
        read = value_of(match.group(), written)
        after = line[match.end() : match.end() + 2]
        if read is None or not read[1] or after[:1] in (":", "/", "%") or after == " %":
            return match.group()
        glued = line[match.start() - 1 : match.start()]
        plain = (glued and not glued.isspace()) or (after[:1] and not after[:1].isspace())
        return style.write(read[0] * factor, plain=bool(plain))

    return NUMBER.sub(rewrite, line)


def names_of(truths: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of all items, to compose receipts of."""
    return sorted(
        {str(i["name"]) for t in truths for i in t.get("items") or () if len(str(i["name"])) > 2}
    )
