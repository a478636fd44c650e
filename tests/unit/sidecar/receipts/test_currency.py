"""The currency of receipts from many countries, by their signs and by what else they print."""

import datetime
import tomllib
from pathlib import Path
from typing import Any

import pytest

from sidecar.receipts.fields.currency import currency_of, date_order
from sidecar.receipts.fields.purchase_date import date_of
from sidecar.receipts.fields.purchase_time import time_of
from tests.unit.sidecar.receipts.printed import read

RECEIPTS: dict[str, dict[str, Any]] = tomllib.loads(
    (Path(__file__).parent / "receipts_by_country.toml").read_text("utf-8")
)


def code(*lines: str, **known: Any) -> str | None:
    currency = currency_of(lines, **known)
    return currency.code if currency else None


@pytest.mark.parametrize("name", RECEIPTS)
def test_currency_date_and_time_of_receipts_around_the_world(name: str) -> None:
    receipt = RECEIPTS[name]
    lines = receipt["text"].strip().splitlines()
    currency = currency_of(lines)
    assert currency is not None
    assert currency.code == receipt["currency"]
    assert currency.confidence >= 0.8
    date, _ = date_of(lines, None, date_order(currency.code, lines))
    assert date is not None
    assert date.value == receipt["date"]
    if "time" in receipt:
        time = time_of(lines, datetime.date.fromisoformat(date.value))
        assert time is not None
        assert time.value == receipt["time"]


@pytest.mark.parametrize(
    ("line", "currency"),
    [
        ("TOTAL €12.50", "EUR"),
        ("TOTAL 12,50 EUR", "EUR"),
        ("TOTAL £12.50", "GBP"),
        ("Suma 12,50 zł", "PLN"),
        ("Celkem 12,50 Kč", "CZK"),
        ("TOTAL R$ 12,50", "BRL"),
        ("TOPLAM 12,50 TL", "TRY"),
        ("JUMLAH RM12.50", "MYR"),
        ("TOTAL CHF 12.50", "CHF"),
        ("TOTAL ₹125.00", "INR"),
        ("Total Rp 25.000", "IDR"),
        ("TOTAL RD$ 125.00", "DOP"),
        ("TOTAL NT$125", "TWD"),
        ("УКУПНО 125,00 ден", "MKD"),
    ],
)
def test_a_sign_of_one_currency_is_enough(line: str, currency: str) -> None:
    assert code("SHOP", line) == currency


@pytest.mark.parametrize(
    "line",
    [
        "Moda Cad. No 66",
        "TRY 2 FOR 5.00",
        "ALL NATURAL 5.00",
        "TOP 9.99",
        "BIG CUP 2.50",
        "PEN 1.20",
        "FEIJAO CARIOCA T1 1KG",
        "R0D 2PK",
        "QR 12",
        "Register TPS575",
        "5 kg",
        "12.50 R",
        "TVA",
        "IVA 14%",
        "Turkey breast 5.00",
        "Jordan almonds 5.00",
    ],
)
def test_words_that_look_like_signs_or_places_are_no_currency(line: str) -> None:
    assert code(line) is None


@pytest.mark.parametrize(
    ("lines", "currency"),
    [
        (("TOTAL kr 20,00", "Tlf +47 22 55 50 10"), "NOK"),
        (("TOTAL kr 20,00", "www.butik.se"), "SEK"),
        (("TOTAL kr 20,00", "CVR 11122205"), "DKK"),
        (("TOTAL $20.00", "www.shop.co.nz"), "NZD"),
        (("TOTAL $20.00", "ABN 11 122 233 400"), "AUD"),
        (("TOTAL $20.00", "HST 13%"), "CAD"),
        (("TOTAL $20.00", "Albany, NY 12207", "Sales Tax"), "USD"),
        (("TOTAL ¥1200", "消費税"), "JPY"),
        (("TOTAL ¥12.00", "微信支付"), "CNY"),
        (("TOTAL Rs 120.00", "Karachi NTN 1234567"), "PKR"),
        (("TOTAL Rs 120.00", "GSTIN 27ABCDE1234F1Z5"), "INR"),
    ],
)
def test_the_country_decides_between_currencies_with_one_sign(
    lines: tuple[str, ...], currency: str
) -> None:
    assert code(*lines) == currency


def test_a_tax_number_counts_only_with_right_check_digits() -> None:
    right = currency_of(["Org.nr 900 111 207", "TOTAL kr 20,00"])
    wrong = currency_of(["Org.nr 900 111 208", "TOTAL kr 20,00"])
    assert right is not None
    assert right.code == "NOK"
    assert right.confidence > (wrong.confidence if wrong else 0)
    assert wrong is None or wrong.code != "NOK" or wrong.confidence < 0.9


def test_of_two_currencies_that_of_the_first_total_is_the_receipts() -> None:
    assert code("Total CHF 23.50", "Total EUR 21.00", "Kurs 1.12") == "CHF"
    assert code("Total EUR 21.00", "Total CHF 23.50", "Kurs 1.12") == "EUR"


def test_the_hint_of_the_caller_counts_only_if_the_receipt_shows_nothing() -> None:
    assert code("SHOP", "MILK 2.00", requested="NOK") == "NOK"
    assert code("SHOP", "TOTAL $2.00", requested="AUD") == "AUD"
    assert code("SHOP", "TOTAL €2.00", requested="USD") == "EUR"
    assert code("SHOP", "MILK 2.00") is None


def test_the_currency_of_the_chain_is_evidence() -> None:
    assert code("SHOP", "TOTAL $2.00", shop="AUD") == "AUD"
    assert code("SHOP", "TOTAL €2.00", shop="USD") == "EUR"


def test_the_decimals_of_the_amounts_are_evidence() -> None:
    lines = ("Salmiya, Kuwait", "TOTAL 1.250")
    assert code(*lines, decimals=3) == "KWD"
    assert code("TOTAL ¥120", "TAX 11", decimals=0) == "JPY"


@pytest.mark.parametrize(
    ("currency", "lines", "order"),
    [
        ("USD", ("Albany, NY 12207", "Sales Tax 1.00"), "mdy"),
        ("USD", ("RUC 1790111229001", "Quito - Ecuador"), "dmy"),
        ("SEK", (), "ymd"),
        ("HUF", (), "ymd"),
        ("JPY", (), "ymd"),
        ("GBP", (), "dmy"),
        ("EUR", ("UAB Kvitas", "PVM moketojo kodas LT111222315"), "ymd"),
        ("EUR", ("GmbH", "MwSt"), "dmy"),
        ("CAD", (), None),
        (None, ("ABN 11 122 233 400", "Sydney"), "dmy"),
    ],
)
def test_the_order_of_dates_is_that_of_the_countries_with_the_currency(
    currency: str | None, lines: tuple[str, ...], order: str | None
) -> None:
    assert date_order(currency, lines) == order


def test_the_currency_is_that_of_its_country_on_the_day_of_the_purchase() -> None:
    lines = ["ЕИК 831902088", "гр. Пловдив", "ОБЩА СУМА 12.72"]
    before = currency_of(lines, day=datetime.date(2025, 10, 25))
    after = currency_of(lines, day=datetime.date(2026, 2, 1))
    assert (before and before.code, after and after.code) == ("BGN", "EUR")
    assert read("\n".join([*lines, "25.10.2025 16:08"])).currency == "BGN"


@pytest.mark.parametrize(
    ("line", "currency"),
    [
        ("ОБЩА СУМА ЛВ 12.72", "BGN"),
        ("ИТОГО РУБ. 100.00", "RUB"),
        ("ДО СПЛАТИ ГРН 257.18", "UAH"),
        ("الإجمالي 355.25 جنيه", "EGP"),
        ("الإجمالي 4.750 د.ك", "KWD"),
        ("جمع کل 2,050,000 ریال", "IRR"),
    ],
)
def test_signs_of_other_scripts_stand_before_or_after(line: str, currency: str) -> None:
    assert code(line) == currency


def test_a_sign_at_the_end_of_a_word_with_a_misread_letter_is_no_currency() -> None:
    lines = ("KAFFE MALET 400 G 20,00", "TOTAL 65,62", "MOMS UDG0R 13,12")
    assert code(*lines) != "ZAR"
    assert code(*lines, "Tak fordi du benyttede vores butik, telefon +45 33 12 00 00") == "DKK"
