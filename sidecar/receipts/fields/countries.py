"""How likely each country is, by the words, numbers, names and scripts that a receipt shows.

A naive Bayes model whose weights and words are data/countries.toml. Its numbers are logarithms, to
be compared with each other only.
"""

import functools
import importlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sidecar.receipts.fields.cldr import names, spoken, tender
from sidecar.receipts.fields.wording import Phrases, fold, plain, tokens
from sidecar.receipts.word_lists import load, one_line

_PRICED = re.compile(r"\d[.,]\d{2}(?!\d)")
_PHONE = re.compile(r"(?<![\d+])\+ ?([1-9][\d ()./-]{6,16}\d)")
_DOMAIN = re.compile(
    r"(?:www\.|@|https?://)[\w.-]*?\w\.(?:com?\.|org?\.|net\.)?([a-z]{2})(?![\w.])|\b[a-z0-9-]{4,}\.(?:com?\.)?([a-z]{2})(?:/[\w/]*)?$"
)
_VAT_ID = re.compile(r"\b(A[TL]|B[EG]|C[HYZ]|D[EK]|E[ELS]|F[IR]|G[BR]|H[RU]|I[ET]|L[TUV]|M[T]|N[L]|P[LT]|RO|S[EIK])[U ]?\d[\d .-]{6,14}\w?")  # fmt: skip
_GENERIC_DOMAINS = {"co", "io", "me", "tv", "ai", "cc", "to", "ly", "fm", "eu", "uk", "gg"}
_LANGUAGE_CODES = {"no": "nb", "ph": "fil"}
_MAX_LANGUAGES = 3
"""A phrase that more languages share tells nothing."""
_REACH = 7
_MIN_REGISTERED = 6  # digits of a number in a register
"""The words before and after its label among which a tax number is looked for."""


@dataclass(frozen=True, slots=True)
class _Clue:
    """Evidence for countries: its kind, and what it was, so that each thing counts once."""

    kind: str
    countries: frozenset[str]


def country_scores(lines: Sequence[str]) -> dict[str, float]:
    """Return the logarithm of each country's likelihood, times that of its receipts in general."""
    data = load("countries")
    weights = data["weights"]
    evidence: dict[str, dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    for kind, shown, countries in _clues(lines):
        for country in countries:
            evidence[country][kind][shown] = weights[kind]
    scores = dict(_priors())
    for country, kinds in evidence.items():
        if country in scores:
            for found in kinds.values():
                repeated = (1 - weights["repeated"] ** len(found)) / (1 - weights["repeated"])
                scores[country] += max(found.values()) * repeated
    scripts = _scripts(lines)
    for country in data["with_own_script"].split():
        if not any(country in data["scripts"].get(script, "") for script in scripts):
            scores[country] += weights["no_script"]
    return scores


def _clues(lines: Sequence[str]) -> Iterator[tuple[str, str, frozenset[str]]]:
    """Yield evidence: its kind, what was shown, and the countries that it is for."""
    for line in lines:
        folded, upper = fold(plain(line)), line.upper()
        priced = _PRICED.search(folded) is not None
        for phrase, clues in _phrases().find(folded):
            for clue in clues:
                if not (priced and clue.kind in ("places", "name")):
                    yield clue.kind, phrase, clue.countries
        if not any(char.isdigit() for char in folded):
            continue
        yield from _numbers(folded, upper)
        for pattern, countries in _patterns():
            if pattern.search(upper):
                yield "patterns", pattern.pattern, countries
        for match in _PHONE.finditer(line):
            number = re.sub(r"\D", "", match[1])
            prefix = next((number[:n] for n in (4, 3, 2, 1) if number[:n] in _phones()), None)
            if prefix:
                yield "phone", prefix, _phones()[prefix]
    for line in lines:
        if "." in line:
            for match in _DOMAIN.finditer(line.strip().lower()):
                top = match[1] or match[2]
                if (match[1] and top == "uk") or top not in _GENERIC_DOMAINS:
                    yield "domain", top, frozenset({"GB" if top == "uk" else top.upper()})
    for script in _scripts(lines):
        countries = load("countries")["scripts"].get(script, "")
        yield "script", "script", frozenset(countries.split())


def _numbers(folded: str, upper: str) -> Iterator[tuple[str, str, frozenset[str]]]:
    """Yield the countries of tax numbers with right check digits beside the words for them."""
    for match in _VAT_ID.finditer(upper):
        country = match[1].replace("EL", "GR")
        if _valid(f"{country.lower()}.vat", match[0]):
            yield "vat_id", country, frozenset({country})
    tried: set[str] = set()
    for phrase, modules in _number_labels().find(folded):
        for name, country in modules:
            if name not in tried and any(_valid(name, number) for number in _near(upper, phrase)):
                yield "number", country, frozenset({country})
            tried.add(name)


def registration_numbers(lines: Sequence[str]) -> list[str]:
    """Return the numbers that name the shop's company: of its tax authority, with right check
    digits, or beside the words for a register; in the order of the lines, without signs.
    """
    found: dict[str, None] = {}
    for line in lines:
        if not any(char.isdigit() for char in line):
            continue
        folded, upper = fold(line), plain(line).upper()
        for match in _VAT_ID.finditer(upper):
            if _valid(f"{match[1].replace('EL', 'GR').lower()}.vat", match[0]):
                found[_plain_number(match[0])] = None
        for phrase, modules in _number_labels().find(folded):
            valid = [
                number
                for number in _near(upper, phrase)
                if any(_valid(name, number) for name, _ in modules)
            ]
            if valid:
                found[_plain_number(min(valid, key=len))] = None
        if label := _registers().search(upper):
            number = max(_near(upper[label.end() :], ""), key=_digit_count, default="")
            if _digit_count(number) >= _MIN_REGISTERED:
                found[_plain_number(number)] = None
    return list(found)


def _plain_number(number: str) -> str:
    return re.sub(r"[\W_]+", "", number)


def _digit_count(number: str) -> int:
    return sum(char.isdigit() for char in number)


@functools.cache
def _registers() -> re.Pattern[str]:
    return re.compile(one_line(load("merchant_words")["registers"]))


def _near(upper: str, phrase: str) -> Iterator[str]:
    """Yield what may be a number: runs of up to four words that hold six digits or more."""
    words = re.split(r"[\s:]+", upper)
    if len(words) > 2 * _REACH:
        words = words[: 2 * _REACH]
    for start, word in enumerate(words):
        if not any(char.isdigit() for char in word):
            continue
        for end in range(start + 1, min(len(words), start + 5) + 1):
            number = "".join(words[start:end]).strip(".,;()#*/")
            if sum(char.isdigit() for char in number) >= 6:
                yield number
                yield re.sub(r"^[A-Z.]+(?=\d)|[A-Z.]+$", "", number)


def _valid(name: str, number: str) -> bool:
    module = _module(name)
    return module is not None and bool(module.is_valid(number))


@functools.cache
def _module(name: str) -> Any:
    country, _, kind = name.partition(".")
    if kind == "vat":
        from stdnum import get_cc_module

        return get_cc_module(country, "vat")
    return importlib.import_module(f"stdnum.{name}")


def _scripts(lines: Sequence[str]) -> frozenset[str]:
    letters = {c for line in lines if not line.isascii() for c in line if c > "\u036f"}
    return frozenset(
        unicodedata.name(char, "").split(" ")[0].split("-")[0] for char in letters if char.isalpha()
    )


def _tables() -> Iterator[tuple[frozenset[str], Mapping[str, Any]]]:
    for countries, table in load("countries").items():
        if (
            isinstance(table, Mapping)
            and countries.split()[0].isupper()
            and len(countries.split()[0]) == 2
        ):
            yield frozenset(countries.split()), table


@functools.cache
def _priors() -> Mapping[str, float]:
    default = load("countries")["prior"]
    priors = {country: default for country, currencies in tender().items() if currencies}
    for countries, table in _tables():
        if "prior" in table:
            priors.update(dict.fromkeys(countries, table["prior"]))
    return priors


@functools.cache
def _phrases() -> Phrases[_Clue]:
    """Return all phrases that tell a country; each counts once for a country, as its first kind."""
    kinds: dict[str, dict[str, str]] = defaultdict(dict)
    for kind, phrase, countries in (*_own_phrases(), *_shared_phrases()):
        for country in countries:
            kinds[" ".join(tokens(fold(phrase)))].setdefault(country, kind)
    return Phrases(
        (phrase, _Clue(kind, frozenset(c for c in countries if countries[c] == kind)))
        for phrase, countries in kinds.items()
        for kind in sorted(set(countries.values()))
    )


def _own_phrases() -> Iterator[tuple[str, str, frozenset[str]]]:
    """Yield the phrases of single countries."""
    for countries, table in _tables():
        for kind in ("only", "places", "words"):
            if len(countries) == 1:
                for phrase in table.get(kind, "").split("|"):
                    yield kind, phrase, countries


def _shared_phrases() -> Iterator[tuple[str, str, frozenset[str]]]:
    """Yield the phrases of several countries, the names of countries, and the words of languages."""
    for countries, table in _tables():
        if len(countries) > 1:
            for phrase in table.get("words", "").split("|"):
                yield "shared", phrase, countries
    others = {fold(name.strip()) for name in load("countries")["not_countries"].split("|")}
    for name, countries in names().territories.items():
        if name not in others:
            yield "name", name, countries
    countries_of: dict[str, set[str]] = defaultdict(set)
    for country, spoke in spoken().items():
        for language in spoke:
            countries_of[language].add(country)
    languages: dict[str, set[str]] = defaultdict(set)
    for meaning in load("vocabulary").values():
        for language, phrases in meaning.items():
            for phrase in phrases.split("|"):
                languages[fold(phrase.strip())].add(_LANGUAGE_CODES.get(language, language))
    for phrase, found in languages.items():
        if len(found) <= _MAX_LANGUAGES and "en" not in found:
            yield "language", phrase, frozenset().union(*(countries_of[code] for code in found))


@functools.cache
def _number_labels() -> Phrases[tuple[str, str]]:
    """Return the words beside tax numbers, with python-stdnum's module and the country of each."""
    return Phrases(
        (label, (name, country))
        for countries, table in _tables()
        for name, labels in table.get("numbers", {}).items()
        for label in labels.split("|")
        for country in countries
    )


@functools.cache
def _phones() -> Mapping[str, frozenset[str]]:
    codes: dict[str, set[str]] = defaultdict(set)
    for countries, table in _tables():
        if "phone" in table:
            codes[table["phone"]] |= countries
    codes["1"].add("CA")
    return {code: frozenset(countries) for code, countries in codes.items()}


@functools.cache
def _patterns() -> tuple[tuple[re.Pattern[str], frozenset[str]], ...]:
    return tuple(
        (re.compile(one_line(pattern)), countries)
        for countries, table in _tables()
        for pattern in table.get("patterns", ())
    )
