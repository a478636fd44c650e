"""The shop's name: the line of the header that looks most like one.

A name is early, large, made of letters, and often says what it is (a company's legal form, a kind
of shop); slogans, addresses, registration numbers and "TAX INVOICE" are not.
"""

import functools
import re
import statistics
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from rapidfuzz.distance import Levenshtein

from sidecar.receipts.lines.line_roles import LineRole, fold, lookalike, plain_of
from sidecar.receipts.lines.lines import ReceiptLine, ReceiptLines
from sidecar.receipts.models import Merchant

_HEADER = 14  # lines a header may have
_LEGAL = re.compile(
    r"\bS[DO0OB]N\.? ?\.?B[HN][DO]\b|\bBERHAD\b|\bS/B\b|\bPLT\b|\bLTD\b|\bLIMITED\b|\bPLC\b|\bINC\b\.?|\bLLC\b|\bGMBH\b|\bE\.?K\.?$|\bOHG\b|\bKG\b$"
    r"|\bS\.?A\.?S?\b$|\bS\.?R\.?L\b|\bS\.?L\.?U?\b$|\bB\.?V\.?$|\bAG$|\bCO\.? ?\(M\)|\bPTY\b|\bSARL\b|\bSPA$|\bCORP\b|\bCOMPANY\b|\bBHD\b"
)
_KIND = re.compile(
    r"ENTERPRISE|TRADING|RESTAURA|\bCAFE|COFFEE|\bMART\b|MARKET|\bSTORES?\b|\bSHOP|HARDWARE|PHARMAC|FARMASI|APOTHEKE|DRUG|BAKERY|BOULANGERIE"
    r"|BAKER|BISTRO|KITCHEN|GRILL|PIZZ|BURGER|DELI\b|FOODS?\b|GROCER|BOOK|STATION|PETROL|SERVICE STATION|BOUTIQUE|SALON|HOTEL|INDUSTR|MARKETING"
    r"|SUPPLY|SUPPLIES|ELECTRIC|DECO\b|GIFT|FASHION|KEDAI|PERNIAGAAN|SYARIKAT|RESTORAN|PASAR|HYPERMARKET|SUPERMARKET|CASH ?& ?CARRY|BROTHERS"
    r"|& ?SONS|HOLDINGS|GROUP|CENTRE|CENTER|HOUSE|CORNER|TAVERN|\bPUB\b|\bBAR\b|\bINN\b|MINI ?MART|MINIMARKET|CLINIC|KLINIK|OPTIC|SEAFOOD|NOODLE"
    r"|CONFECTION|DELIGHT|PARKING|BUTCHER|METZGEREI|B[AÄ]CKEREI|FLEISCHEREI|MARKT|DROGERIE|TIENDA|PANADER|CARNICER|FRUTER|SUPERMERCADO|EPICERIE"
)
_ADDRESS = re.compile(
    r"\b(JALAN|JLN|LORONG|TAMAN|TMN|LOT|NO\.? ?\d|BANDAR|SEKSYEN|SECTION|PERSIARAN|LEBUH|KAMPUNG|KG\.|SELANGOR|JOHOR|KUALA|MALAYSIA|FLOOR|LEVEL|BLOCK"
    r"|STREET|ST\.|ROAD|RD\.?|AVENUE|AVE\.?|BLVD|LANE|DRIVE|SUITE|UNIT|HWY|HIGHWAY|PKWY|STRASSE|STR\.|PLATZ|WEG|RUE|ALLEE|PLACE|CALLE|PLAZA|VIA|STRAAT"
    r"|BOULEVARD|QUAI|COURS|VIALE|PIAZZA|CORSO|AVENIDA|AVDA|PASEO|CARRER|RUA|LARGO|PRACA|CHAUSSEE|LAAN|PLEIN|PARKWAY|COURT|SQUARE|CRESCENT|TERRACE"
    r"|P\.?O\.? BOX|WILAYAH|PENANG|MELAKA|PERAK|KEDAH|PAHANG|SABAH|SARAWAK|BATU|DARUL|PETALING|SHAH ALAM|JAYA,?)\b|STRASSE|STRAAT|\w+STR\. ?\d|[A-Z], ?[A-Z]{2}$|\w(GATAN|VAGEN|KATU|TIE|GADE|VEJ|WEG)\.? \d|\d{5}"
)
_NOT_NAME = re.compile(
    r"\d{3}\)?[ .-]{1,2}\d{3} ?[ .-] ?\d{4}|YOUR CASHIER|SERVED BY|TAX ?INVO|INVO?ICE\b|RECEIPT|SIMPLIFIED|OFFICIAL|\bCASH (BILL|SALES?)\b|GUEST CHECK|WELCOME|THANK|\bTEL\b|\bFAX\b|GST|\bSST\b|\bVAT\b|REG\b|REG\.|CO\. ?NO"
    r"|COMPANY (REG|NO)|\bROC\b|\bBRN\b|\bDATE|\bTIME\b|CASHIER|\bTABLE\b|WWW|HTTP|\.COM|@.*\.|E-?MAIL|HOTLINE|PHONE|SHOPPING HOURS|OPEN|MON ?- ?SUN"
    r"|CUSTOMER|COPY|REPRINT|DUPLICATE|BILL ?(NO|#)|ORDER|\bTHE BEST\b|SAVE MONEY|LIVE BETTER|QUALITY|EVERY LITTLE|PLEASE|COME AGAIN|GOODS SOLD|FEEDBACK"
    r"|QUITTUNG|KASSENBON|RECHNUNG|TICKET|FACTURA|FACTURE|SCONTRINO|DOCUMENTO|DI VENDITA|BIENVENUE|BIENVENIDO|WILLKOMMEN|VOUCHER|MEMBER\b|MANAGER|^ST ?#|^TC ?#"
)
_REGISTRATION = re.compile(
    r"\s*[\(\[{]?\s*(?:(?:CO|COMPANY|BUSINESS|BRN|ROC)\.?\s*(?:REG|NO|RES)?[A-Z.]*\s*(?:NO)?\s*[:.#-]*\s*)?"
    r"(?:\d{5,12}|[A-Z]{1,3}-?\d{6,})\s*-?\s*[A-Z]{0,2}\s*[\)\]}]?\.?\s*$",
    re.IGNORECASE,
)
_NUMBERED = re.compile(
    r"\s*[\(\[{][^()\[\]{}]*\d{4}[^()\[\]{}]*[\)\]}]?.*$|\s\d{5,7} ?- ?[A-Z]\b.*$"
)
_OWNER = re.compile(
    r"^\W*(?:OWNED|OWN|OPERATED|MANAGED|DIMILIKI|TRADING)\s?(?:BY|AS|OLEH)?\s?:\s?|^T/A ",
    re.IGNORECASE,
)
_EMPTY_TAIL = re.compile(
    r"(?i:\s+(?:TEL|PUH|PH|TLF)\b\.?)?[\s\(\[,.:;*_=~|-]*$|^[\s*_=~|:.,;\"'<>-]+"
)
_MALAYSIAN = re.compile(r"\bS[DO0OB]N\.? ?\.?B[HN][DO]\b|\bBERHAD\b|\bBHD\b")
_SITE = re.compile(
    r"(?<![@\w])(?:www\.|//)?([a-z0-9-]{4,})\.(?:com|co|de|fr|es|it|nl|ie|us|ca|at|ch|be|pt|se|eu)\b"
)
_COMPANY_TAIL = re.compile(
    r"(?: (?:STORES?|SUPERMARKETS?|MARKT|FOODS?|GMBH|AG|KG|OHG|E K|AND CO|CO|LTD|LIMITED|PLC|INC|LLC|CORP|CORPORATION|GROUP|S ?P ?A|S ?A ?U?|S ?L|BV|NV"
    r"|SAS|A \d{8}|UK|IRELAND|USA|AUST P L|PTY|(?:STORE |NO )?\d{1,6}))+$"
)
_SLOGAN = re.compile(r"[a-z]{3,}\. [A-Z]|\S+\s+\S+\s+\S.*[.!?]$|^\S+['’]\S+ \S+ \S+ \S+")
_BRANCH = re.compile(r"\s*#\s?\d{2,5}\b.*$")
_PLACE = re.compile(r"\s+[-–]\s+.*$")
_ABOVE_ADDRESS = 0.25
_UNREGISTERED = 0.88
"""Confidence in a name that is neither a chain's nor a company's: people may call the shop less."""
_CONTINUES = re.compile(r"(&|\bAND|\bOF|\bDE|,|-)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Chain:
    """A shop of many branches; `currency` (ISO 4217) when it sells in one country alone."""

    name: str
    currency: str | None
    distinctive: bool
    """Whether its name is no common word, so that a place may follow it on the line."""


def chain_of(receipt: ReceiptLines) -> Chain | None:
    """The chain that a line of the header, or else a web address on the receipt, names."""
    texts = [line.row.text for line in _header(receipt.lines)]
    if any(_MALAYSIAN.search(fold(text)) for text in texts):
        return None
    runs = [" ".join(texts[i : i + n]) for n in (1, 2, 3) for i in range(len(texts) - n + 1)]
    named = next(
        (chain for read in (_printed, _alike) for text in runs if (chain := read(text))), None
    )
    return named or next(
        (
            chain
            for match in _SITE.finditer(receipt.text.lower())
            if (chain := _sites().get(match[1].replace("-", "")))
        ),
        None,
    )


def merchant_of(receipt: ReceiptLines, chain: Chain | None) -> Merchant | None:
    """The merchant, or None when no line of the header can be a name."""
    if chain is not None:
        return Merchant(name=chain.name, confidence=0.97)
    header = _header(receipt.lines)
    if not header:
        return None
    height = statistics.median(line.row.height for line in receipt.lines)
    contact = next((i for i, line in enumerate(header) if _contact(line)), len(header))
    scores = [
        _score(line, place, height)
        - (0.8 if place > contact else 0.0)
        + (_ABOVE_ADDRESS if place + 1 == contact else 0.0)
        for place, line in enumerate(header)
    ]
    best = max(range(len(header)), key=lambda place: scores[place])
    if scores[best] <= 0:
        return None
    name = _tidy(_whole(header, best))
    if not name:
        return None
    rivals = sorted((s for place, s in enumerate(scores) if place != best), reverse=True)
    lead = scores[best] - (rivals[0] if rivals else 0)
    sure = header[best].row.confidence * (0.97 if lead > 1 else 0.9 if lead > 0.4 else 0.75)
    if not _LEGAL.search(fold(name)):
        sure = min(sure, _UNREGISTERED)
    return Merchant(name=name, confidence=round(sure, 3))


def _header(lines: Sequence[ReceiptLine]) -> list[ReceiptLine]:
    """The lines before the first amount or column heading."""
    header: list[ReceiptLine] = []
    for line in lines[:_HEADER]:
        if line.role is LineRole.COLUMNS or (
            line.figures and line.role is not LineRole.META and header
        ):
            break
        header.append(line)
    return header


def _contact(line: ReceiptLine) -> bool:
    """An address or a telephone: what is below it is seldom the name."""
    text = fold(_strip(line.row.text))
    return not _LEGAL.search(text) and bool(
        re.search(r"\bTEL\b|\d{5}", text) or _ADDRESS.search(text)
    )


def _score(line: ReceiptLine, place: int, height: float) -> float:
    text = fold(_strip(_BRANCH.sub("", line.row.text)))
    letters = sum(char.isalpha() for char in text)
    if letters < 3 or _NOT_NAME.search(text):
        return -1.0
    score = 2.0 - 0.28 * place
    score += min(1.5, 1.2 * (line.row.height / height - 1))
    score += 2.4 if _LEGAL.search(text) else 0.0
    score += 0.35 if _KIND.search(text) else 0.0
    score -= 1.8 if _ADDRESS.search(text) and not _LEGAL.search(text) else 0.0
    score -= 1.5 * (1 - letters / max(1, len(text.replace(" ", ""))))
    score -= 2.0 * (1 - line.row.confidence)
    score -= 1.5 if _SLOGAN.search(line.row.text) else 0.0
    score -= 0.5 if line.row.text.startswith("(") else 0.0
    score += 0.8 if _BRANCH.search(line.row.text) else 0.0
    if line.row.text == line.row.text.lower():
        score -= 1.0  # shops print capitals; all small is handwriting or a slogan
    if letters < 5:
        score -= 0.5
    return score


def _whole(header: Sequence[ReceiptLine], best: int) -> str:
    """The name with the lines it was broken over."""
    first = last = best
    while first > 0 and _is_part(header[first - 1]) and _joined(header[first - 1], header[first]):
        first -= 1
    while (
        last + 1 < len(header)
        and _is_part(header[last + 1])
        and _joined(header[last], header[last + 1])
    ):
        last += 1
    return " ".join(line.row.text for line in header[first : last + 1])


def _joined(above: ReceiptLine, below: ReceiptLine) -> bool:
    """Whether two lines are one name: a bracket or an "&" is left open, the second line is but a
    legal form or a kind of shop, or both share a word that is a name.
    """
    one, other = fold(_strip(above.row.text)), fold(_strip(below.row.text))
    if _CONTINUES.search(one) or other.count(")") > other.count("("):
        return True
    if (one.count("(") > one.count(")") and ")" in other) or _OPENS_WITH_KIND.match(other):
        return not _LEGAL.search(one)
    if _only_legal(below):
        return not _LEGAL.search(one)
    plain = not (_LEGAL.search(one) or _LEGAL.search(other) or other.startswith("("))
    words, more = set(one.split()), set(other.split())
    return (
        plain
        and bool(_distinctive(one) & _distinctive(other))
        and not (words <= more or more <= words)
    )


_OPENS_WITH_KIND = re.compile(
    r"^(ENTERPRISE|TRADING|HOLDINGS|INDUSTR\w+|STORES?|MARKETING|BROTHERS)\b"
)


def _distinctive(text: str) -> set[str]:
    words = re.findall(r"[A-Z]{4,}", text)
    return {word for word in words if not _KIND.search(word) and not _LEGAL.search(word)}


def _is_part(line: ReceiptLine) -> bool:
    text = fold(_strip(line.row.text))
    letters = sum(map(str.isalpha, text))
    return letters >= 3 and not (
        _NOT_NAME.search(text) or (_ADDRESS.search(text) and not _LEGAL.search(text))
    )


def _only_legal(line: ReceiptLine) -> bool:
    rest = _LEGAL.sub("", fold(_strip(line.row.text)))
    return sum(map(str.isalpha, rest.replace("(M)", ""))) <= 2


def _strip(text: str) -> str:
    """The text without a company's registration number and without stray signs at its ends."""
    return _EMPTY_TAIL.sub("", _REGISTRATION.sub("", _NUMBERED.sub("", text)))


def _tidy(text: str) -> str:
    """The name without its owner's and registration's marks, its branch and its place."""
    name = _strip(_OWNER.sub("", text))
    for tail in (_BRANCH, _PLACE):
        shorter = tail.sub("", name)
        name = shorter if sum(map(str.isalpha, shorter)) >= 3 else name
    return " ".join(name.split())


def _printed(text: str) -> Chain | None:
    """The chain whose receipts print that line, with or without its legal form."""
    text = plain_of(_BRANCH.sub("", text)).replace("&", " AND ")
    plain = " ".join(re.sub(r"[^A-Z0-9]+", " ", text).split())
    bare = _COMPANY_TAIL.sub("", plain)
    found = next(
        (c for c, prints in _chains() if prints.fullmatch(plain) or prints.fullmatch(bare)), None
    )
    return found or next(
        (c for c, prints in _chains() if c.distinctive and _with_a_place(prints, bare)), None
    )


def _with_a_place(prints: re.Pattern[str], text: str) -> bool:
    match = prints.match(text)
    rest = text[match.end() :] if match else ""
    return bool(re.fullmatch(r"(?: [A-Z]{3,}){1,2}", rest)) and not (
        _KIND.search(rest) or _ADDRESS.search(rest)
    )


def _alike(text: str) -> Chain | None:
    """The chain whose name the line is but for a letter that looks like another, or, in a long name,
    any one letter: logos are read less well than print.
    """
    letters = re.sub(r"[^A-Z]", "", plain_of(text))
    for chain, _ in _chains():
        name = re.sub(r"[^A-Z]", "", plain_of(chain.name))
        if len(name) >= _ALIKE and lookalike(name) == lookalike(letters):
            return chain
        if len(name) >= _ONE_OFF and Levenshtein.distance(name, letters, score_cutoff=1) <= 1:
            return chain
    return None


_ALIKE, _ONE_OFF = 5, 7  # letters that a name has at least


@functools.cache
def _chains() -> tuple[tuple[Chain, re.Pattern[str]], ...]:
    source = resources.files("sidecar.receipts").joinpath("data/merchants.toml").read_text("utf-8")
    return tuple(
        (
            Chain(name, facts.get("currency"), not facts.get("common", False)),
            re.compile(facts["prints"]),
        )
        for name, facts in tomllib.loads(source).items()
    )


@functools.cache
def _sites() -> dict[str, Chain]:
    """Chains by what their web addresses are called."""
    names = ((re.sub(r"[^a-z0-9]", "", plain_of(c.name).lower()), c) for c, _ in _chains())
    return {site: chain for site, chain in names if len(site) > 3}
