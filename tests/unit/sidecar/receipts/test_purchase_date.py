"""The date of the purchase: printed forms, ambiguous orders, other dates."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.receipts.fields.cldr import Order
from sidecar.receipts.fields.purchase_date import date_of, dates_in

TODAY = datetime.date(2026, 3, 15)


def read(
    *lines: str, requested: Order | None = None, expected: Order | None = None
) -> tuple[str | None, float, tuple[str, ...]]:
    date, warnings = date_of(lines, requested, expected, today=TODAY)
    return (date.value, date.confidence, warnings) if date else (None, 0.0, warnings)


@pytest.mark.parametrize(
    ("line", "date"),
    [
        ("25/03/2024", "2024-03-25"),
        ("25.03.24", "2024-03-25"),
        ("6. 10. 2019", "2019-10-06"),
        ("2024-03-25", "2024-03-25"),
        ("2019-6-9 15:37:01", "2019-06-09"),
        ("2024/03/25", "2024-03-25"),
        ("25-Mar-2024", "2024-03-25"),
        ("06 Oct'18", "2018-10-06"),
        ("Aug06'15 11:01AM", "2015-08-06"),
        ("FEB 18/18 8:19PM", "2018-02-18"),
        ("March 25, 2024", "2024-03-25"),
        ("25th March 2024", "2024-03-25"),
        ("SUN JUN 24 20:49:53 2018", "2018-06-24"),
        ("6 de octubre de 2019", "2019-10-06"),
        ("06 Ekim 2019", "2019-10-06"),
        ("6 października 2019", "2019-10-06"),
        ("6. října 2019", "2019-10-06"),
        ("2019. október 6.", "2019-10-06"),
        ("6 octombrie 2019", "2019-10-06"),
        ("6 Οκτωβρίου 2019", "2019-10-06"),
        ("6. lokakuuta 2019", "2019-10-06"),
        ("17 Agt 2019", "2019-08-17"),
        ("05 Mei 2019", "2019-05-05"),
        ("24 Des 2019", "2019-12-24"),
        ("ngày 6 tháng 10 năm 2019", "2019-10-06"),
        ("6 октября 2019", "2019-10-06"),
        ("2019年10月6日", "2019-10-06"),
        ("２０１９年１０月６日", "2019-10-06"),
        ("令和元年", None),
        ("令和6年10月6日", "2024-10-06"),
        ("2019년 10월 6일", "2019-10-06"),
        ("วันที่ 06/10/2562", "2019-10-06"),
        ("วันที่ 25/10/62", "2019-10-25"),
        ("25 ธันวาคม 2567", "2024-12-25"),
        ("25 ธันวาคม พ.ศ. 2567", "2024-12-25"),
        ("วันที่ 25 ธ.ค. 67", "2024-12-25"),
        ("25 दिसंबर 2024", "2024-12-25"),
        ("५ दिसम्बर २०२४", "2024-12-05"),
        ("৫ জানুয়ারি ২০২৫", "2025-01-05"),
        ("25 டிசம்பர் 2024", "2024-12-25"),
        ("25 កញ្ញា 2024", "2024-09-25"),
        ("25 בדצמבר 2024", "2024-12-25"),
        ("2024 оны 12 сарын 25", "2024-12-25"),
        ("25 желтоқсан 2024", "2024-12-25"),
        ("تاریخ: ۱۴۰۳/۰۵/۱۲", "2024-08-02"),
        ("۱۲ مرداد ۱۴۰۳", "2024-08-02"),
        ("تاریخ ۱۳۹۹/۱۲/۳۰", "2021-03-20"),  # a leap day
        ("تاریخ ۱۴۰۰/۱۲/۳۰", None),
        ("التاريخ: 1445/06/12", "2023-12-25"),
        ("12/06/1445 هـ", "2023-12-25"),
        ("113年12月25日", "2024-12-25"),
        ("統一超商 113/12/25", "2024-12-25"),
        ("store 113/12/25", None),
        ("order 1403/05/12", None),
        ("123012 09:52PM", "2012-12-30"),
        ("Date 20191026", "2019-10-26"),
        ("de 2019 10 15", "2019-10-15"),
        ("25.02.2015.12:43", "2015-02-25"),
        ("21.01.22-18:27/2.2.1/F4UB", "2022-01-21"),
        ("2018-03-2319:22", "2018-03-23"),
        ("12/25/202411:40", "2024-12-25"),
        ("18:1524/05/18", "2018-05-24"),
        ("2O.O3.2O24 10:05", "2024-03-20"),
        ("MAY.2l.19 21:57", "2019-05-21"),
        ("K017 1,8.2023 17:20", "2023-08-01"),
    ],
)
def test_each_printed_form_is_parsed(line: str, date: str | None) -> None:
    assert read(line)[0] == date


@pytest.mark.parametrize(
    "line",
    [
        "BIG MAC 12 19.90",
        "BIG MAC 12 19",
        "MAR 5 2.50",
        "MAI TAI 2 18.00",
        "Tel 03.88.12.34.56",
        "v 2.2.1",
        "192.168.10.12",
        "1.5.20",
        "Inv 20191026",
        "31/02/2024",
        "12345678",
        "1822588",
    ],
)
def test_items_numbers_and_versions_are_no_date(line: str) -> None:
    assert read(line)[0] is None


def test_the_date_is_found_below_an_item_that_looks_like_one() -> None:
    assert read("BIG MAC 12 19", "TOTAL 7.75", "28/11/2025")[0] == "2025-11-28"


@pytest.mark.parametrize(
    ("requested", "expected", "date"),
    [
        (None, "dmy", "2024-04-03"),
        (None, "mdy", "2024-03-04"),
        ("mdy", "dmy", "2024-03-04"),
        ("dmy", "mdy", "2024-04-03"),
    ],
)
def test_the_callers_order_comes_before_the_countrys(
    requested: Order | None, expected: Order | None, date: str
) -> None:
    value, confidence, warnings = read(
        "Date 03/04/2024 10:15", requested=requested, expected=expected
    )
    assert (value, warnings) == (date, ())
    assert confidence >= 0.9


def test_an_ambiguous_date_has_a_low_confidence_and_a_warning() -> None:
    value, confidence, warnings = read("Date 03/04/2024 10:15")
    assert value == "2024-04-03"
    assert confidence < 0.8
    assert warnings == ("The date can be read two ways: 2024-04-03 or 2024-03-04.",)


def test_dots_are_never_month_first() -> None:
    assert read("Datum: 08.10.2021 10:15", expected="mdy") == (
        "2021-10-08",
        pytest.approx(0.99, abs=0.02),
        (),
    )


@pytest.mark.parametrize(
    ("lines", "date"),
    [
        (("Datum: 25-03-12 13:19", "KORT 2025-03-12 13:19"), "2025-03-12"),
        (("DATE/TIME: 25/11/03 09:35:51", "Nov 3, 2025"), "2025-11-03"),
        (("03/04/24 10:15", "2024-03-04 10:15"), "2024-03-04"),
        (("03/04/24 10:15", "Valid until 12/31/2026"), "2024-03-04"),
        (("03/04/24 10:15", "Valid until 31/12/2026"), "2024-04-03"),
    ],
)
def test_other_dates_of_the_receipt_settle_an_ambiguous_one(
    lines: tuple[str, ...], date: str
) -> None:
    assert read(*lines)[0] == date


def test_an_ambiguous_year_is_the_likelier_age() -> None:
    assert read("DATE/TIME: 25/11/03 09:35:51")[0] == "2025-11-03"


@pytest.mark.parametrize(
    "lines",
    [
        ("EXPIRES 12/31/2025", "11/21/2025 17:35"),
        ("11/21/2025", "Return by 12/21/2025"),
        ("Trocas ate ao dia", "21/12/2025 com talao", "Data 21/11/2025"),
        ("Umtausch bis 21.12.2025", "21.11.2025 10:15"),
        ("License 2020-01-31", "21/11/2025"),
        ("21/11/2025 10:15", "21/11/2065"),
        ("Punkte gueltig bis 31.12.2025", "Datum 21.11.2025"),
    ],
)
def test_dates_of_expiry_and_return_are_not_the_purchases(lines: tuple[str, ...]) -> None:
    assert read(*lines)[0] == "2025-11-21"


def test_a_date_that_stands_alone_is_surer_with_a_label_and_a_time() -> None:
    alone = read("25/03/24")[1]
    labeled = read("Date 25/03/24")[1]
    timed = read("Date 25/03/24 10:15")[1]
    assert 0.7 < alone < labeled < timed


def test_no_lines_have_no_date() -> None:
    assert read() == (None, 0.0, ())


@given(st.dates(datetime.date(2001, 1, 1), datetime.date(2026, 3, 15)))
def test_every_day_is_read_in_every_unambiguous_form(day: datetime.date) -> None:
    for form in ("%Y-%m-%d", "%d.%m.%Y", "%d %b %Y", "%B %d, %Y", "%Y年%m月%d日"):
        assert read(f"{day.strftime(form)} 10:15")[0] == day.isoformat()


@given(st.text(max_size=60))
def test_any_text_can_be_searched(text: str) -> None:
    read(text)
    dates_in(text)


@pytest.mark.parametrize(
    ("line", "day"),
    [("R7.12.08 19:02", "2025-12-08"), ("R08/03/05 10:11", "2026-03-05")],
)
def test_a_letter_may_be_the_era_of_the_year(line: str, day: str) -> None:
    date, _ = date_of([line])
    assert date is not None
    assert date.value == day
