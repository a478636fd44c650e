"""Lessons: what a tenant's correction teaches about later readings, and the keys it is found by.

A lesson about a line is found by the shop and the line as printed, one about a shop by what its
receipts print: the name as it was read, and the registration number.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sidecar.receipts.fields.countries import registration_numbers
from sidecar.receipts.fields.merchant import may_be_name
from sidecar.receipts.fields.spelling import folded_capitals

#: Characters of a shop and of a line in a key, which has 500 at most.
_SHOP_KEY: Final = 150
_LINE_KEY: Final = 340
#: Lines at the head of a receipt that may show the shop's name.
_HEADER_LINES: Final = 8
_MIN_ALIAS: Final = 3
#: Confidence from which the name as read decides alone which shop it is: companies with one
#: registration number may have several shops.
_SURE_NAME: Final = 0.9
_MONEY = re.compile(r"(?<![\d.,])[-+]?\d{1,3}(?:[., ]?\d{3})*[.,]\d{2}(?!\d)[-–]?")
_NUMBER = re.compile(r"\d[\d.,]*\d|\d")


def text_key(text: str) -> str:
    """Return capitals and digits without signs and blanks; marks of vowels stay."""
    return "".join(
        char for char in folded_capitals(text) if unicodedata.category(char)[0] not in "PSZC"
    )


def shop_key(name: str | None) -> str:
    """Return the key of a shop by its name; "" without one."""
    return text_key(name or "")[:_SHOP_KEY]


def shop_keys(flat: Mapping[str, Any]) -> Sequence[str]:
    """Return the shop's key by its name, then by the name as it was read before corrections."""
    return list(dict.fromkeys((shop_key(flat.get("merchant")), shop_key(_read_name(flat)))))


def merchant_keys(flat: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the keys under which a receipt's shop may be known, each with what it stands for.

    The name as it was read comes first, then, unless that is sure, the registration numbers and
    the lines of the header.
    """
    name = _read_name(flat)
    keys = {}
    if name and len(text_key(name)) >= _MIN_ALIAS:
        keys[_alias(name)] = name
        if (_merchant(flat).get("read_confidence") or _merchant(flat)["confidence"]) >= _SURE_NAME:
            return keys
    lines = str(flat.get("raw_ocr_text", "")).splitlines()
    keys |= {f"number {number}"[:_SHOP_KEY]: number for number in registration_numbers(lines)}
    keys |= {_alias(line): line.strip() for line in lines[:_HEADER_LINES] if may_be_name(line)}
    return keys


def taught_merchant_keys(flat: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the keys of a shop whose name was corrected: its numbers, and one line as its alias."""
    lines = str(flat.get("raw_ocr_text", "")).splitlines()
    keys = {f"number {number}"[:_SHOP_KEY]: number for number in registration_numbers(lines)}
    head = (line.strip() for line in lines[:_HEADER_LINES] if may_be_name(line))
    alias = _read_name(flat) or next(head, None)
    if alias and len(text_key(alias)) >= _MIN_ALIAS:
        keys[_alias(alias)] = alias
    return keys


def name_line_key(shop: str, line: Mapping[str, Any]) -> str:
    """Return the key of a shop's line by its name as printed."""
    return f"{shop}\n{text_key(printed_name(line))[:_LINE_KEY]}"


def quantity_line_key(shop: str, line: Mapping[str, Any]) -> str:
    """Return the key of a shop's line by all that it prints but amounts: "2 X MILK" is not "MILK"."""
    printed = _MONEY.sub(" ", line.get("raw_text") or printed_name(line))
    amounts = {
        _digits(str(line[field]["amount"]))
        for field in ("total_price", "unit_price", "discount")
        if line.get(field)
    }
    printed = _NUMBER.sub(
        lambda number: "" if len(number[0]) > 2 and _digits(number[0]) in amounts else number[0],
        printed,
    )
    return f"{shop}\n{text_key(printed)[:_LINE_KEY]}"


def printed_name(line: Mapping[str, Any]) -> str:
    """Return a line's name as it was read before corrections."""
    read = line.get("read") or {}
    return str(read.get("name") or line.get("parsed_name") or line.get("raw_text") or "")


def _alias(name: str) -> str:
    return f"name {text_key(name)[:_SHOP_KEY]}"


def _digits(text: str) -> str:
    return "".join(char for char in text if char.isdigit()).lstrip("0")


def _merchant(flat: Mapping[str, Any]) -> Mapping[str, Any]:
    return (flat.get("fields") or {}).get("merchant") or {}


def _read_name(flat: Mapping[str, Any]) -> str | None:
    """Return the merchant as it was read, before corrections; None when no name was."""
    merchant = _merchant(flat)
    name: str | None = merchant["read"] if "read" in merchant else flat.get("merchant")
    return name
