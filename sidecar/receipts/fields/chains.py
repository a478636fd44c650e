"""Chains of shops by what their receipts print: data/merchants.toml."""

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz.distance import Levenshtein

from sidecar.receipts.fields.spelling import capitals, lookalike
from sidecar.receipts.word_lists import load, pattern

_KIND = pattern("merchant_words", "kinds")
_ADDRESS = pattern("merchant_words", "addresses")
_COMPANY_TAIL = pattern("merchant_words", "company_tail")
_REGISTERED = re.compile(r"\bS[DO0OB]N\.? ?\.?B[HN][DO]\b|\bBERHAD\b|\bBHD\b")
"""A Malaysian company's registered name stays as printed."""
_SITE = re.compile(r"(?<!\w)(?:www\.|//|@)?([a-z0-9-]{4,})\.(?:[a-z]{2}\.)?[a-z]{2,3}\b")
_MAIL_PROVIDER = pattern("merchant_words", "mail_providers")
_BRANCH = re.compile(r"\s*#\s?\d{2,5}\b.*$")
_MIN_LOOKALIKE, _MIN_TYPO = 5, 7  # letters of a name that may be misread, as logos often are


@dataclass(frozen=True, slots=True)
class Chain:
    """A shop of many branches; `currency` (ISO 4217) if it sells in one country only."""

    name: str
    currency: str | None
    distinctive: bool
    """Its name is not a common word, so a place may follow it on the line."""


def chain_of(header: Sequence[str], lines: Sequence[str]) -> Chain | None:
    """Return the chain that one to three header lines name, or else a web address of the receipt."""
    if any(_REGISTERED.search(capitals(text)) for text in header):
        return None
    runs = [" ".join(header[i : i + n]) for n in (1, 2, 3) for i in range(len(header) - n + 1)]
    for match in (_printed, _similar):
        for run in runs:
            if chain := match(run):
                return chain
    return next((c for site in sites_in(lines) if (c := _sites().get(site))), None)


def sites_in(lines: Sequence[str]) -> tuple[str, ...]:
    """Return the letters and digits of a receipt's web and mail addresses: "lidl" of www.lidl.de."""
    found = (site[1].replace("-", "") for site in _SITE.finditer("\n".join(lines).lower()))
    return tuple(site for site in found if not _MAIL_PROVIDER.fullmatch(site))


def _printed(text: str) -> Chain | None:
    """Return the chain whose receipts print that line, with or without its legal form."""
    text = capitals(_BRANCH.sub("", text)).replace("&", " AND ")
    plain = " ".join(re.sub(r"[^A-Z0-9]+", " ", text).split())
    bare = _COMPANY_TAIL.sub("", plain)
    for chain, prints in _chains():
        if prints.fullmatch(plain) or prints.fullmatch(bare):
            return chain
    return next((c for c, prints in _chains() if c.distinctive and _with_place(prints, bare)), None)


def _with_place(prints: re.Pattern[str], text: str) -> bool:
    match = prints.match(text)
    rest = text[match.end() :] if match else ""
    return bool(re.fullmatch(r"(?: [A-Z]{3,}){1,2}", rest)) and not (
        _KIND.search(rest) or _ADDRESS.search(rest)
    )


def _similar(text: str) -> Chain | None:
    """Return the chain whose name the line is, except for look-alikes or one wrong letter."""
    letters = re.sub(r"[^A-Z]", "", capitals(text))
    alike = lookalike(letters)
    for chain, name, name_alike in _letters_of_chains():
        if len(name) >= _MIN_LOOKALIKE and name_alike == alike:
            return chain
        if len(name) >= _MIN_TYPO and Levenshtein.distance(name, letters, score_cutoff=1) <= 1:
            return chain
    return None


@functools.cache
def _chains() -> tuple[tuple[Chain, re.Pattern[str]], ...]:
    return tuple(
        (
            Chain(name, facts.get("currency"), not facts.get("common", False)),
            re.compile(facts["prints"]),
        )
        for name, facts in load("merchants").items()
    )


@functools.cache
def _letters_of_chains() -> tuple[tuple[Chain, str, str], ...]:
    """Return each chain with the letters of its name, as they are and as look-alikes."""
    names = ((chain, re.sub(r"[^A-Z]", "", capitals(chain.name))) for chain, _ in _chains())
    return tuple((chain, name, lookalike(name)) for chain, name in names)


@functools.cache
def _sites() -> dict[str, Chain]:
    """Return the chains by the letters and digits of their names, as in web addresses."""
    names = ((re.sub(r"[^a-z0-9]", "", capitals(c.name).lower()), c) for c, _ in _chains())
    return {site: chain for site, chain in names if len(site) > 3}
