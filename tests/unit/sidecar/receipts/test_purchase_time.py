"""The time of the purchase among all times on a receipt."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.receipts.fields.purchase_time import time_of

DAY = datetime.date(2024, 5, 12)


def read(*lines: str) -> str | None:
    time = time_of(lines, DAY)
    return time.value if time else None


@pytest.mark.parametrize(
    ("line", "time"),
    [
        ("12/05/2024 18:42", "18:42"),
        ("12/05/2024 6:22 PM", "18:22"),
        ("12/05/2024 12:05am", "00:05"),
        ("12/05/2024 12.05 p.m.", "12:05"),
        ("12/05/2024 6:22 p. m.", "18:22"),
        ("12-05-24 5:35P 565/11/3", "17:35"),
        ("Le 12/05/2024 a 17h34", "17:34"),
        ("12-05-2024 17u34", "17:34"),
        ("12.05.2024 13:43:58 Uhr", "13:43:58"),
        ("12.05.2024 13.43 Uhr", "13:43"),
        ("12.5.2024 klo 9.05", "09:05"),
        ("12.05.24 kl. 18.22", "18:22"),
        ("12.05.2024 18.42", "18:42"),
        ("Datum:12.05.24 Zeit:19:02", "19:02"),
        ("12/05/202411:40", "11:40"),
        ("2024-05-1219:22", "19:22"),
        ("12.05.2024.12:43", "12:43"),
        ("12.05.24-18:27/2.2.1/F4UB", "18:27"),
        ("18:1512/05/24", "18:15"),
        ("12/05/2024 1O:05", "10:05"),
        ("2024年5月12日 18時42分", "18:42"),
        ("2024-05-12 오후 3:20", "15:20"),
        ("12/05/2024 03:20 μμ", "15:20"),
        ("051224 09:52PM", "21:52"),
        ("12/05/2024 25:10", None),
        ("12/05/2024 10:75", None),
        ("12/05/2024", None),
        ("BANANA 1.25 kg 12/05/2024 3.50", None),
        ("Tel:03:77100302", None),
        ("Tel 1:05-60952052", None),
    ],
)
def test_each_printed_form_is_parsed(line: str, time: str | None) -> None:
    assert read(line) == time


@pytest.mark.parametrize(
    ("lines", "time"),
    [
        (("Mon-Sat 8:00 - 20:00", "12/05/2024 18:42"), "18:42"),
        (("OPEN 8:00AM TO 9:00PM", "12/05/2024"), None),
        (("Öffnungszeiten 8.00 - 20.00 Uhr", "12.05.2024"), None),
        (("Table 4 18:00", "Order 7", "12/05/2024 19:42"), "19:42"),
        (("12/05/2024", "Server 3", "Time: 19:42", "Printed 19:50"), "19:42"),
        (("12/05/2024 19:42 EXPIRES 10:00 12/08/2024",), "19:42"),
        (("12/05/2024 19:42", "Closed: 1 12/05/2024 20:05"), "19:42"),
        (("12/05/2024 19:42", "Kort 2024-05-12 19:42:07"), "19:42:07"),
    ],
)
def test_the_time_of_the_purchase_is_chosen_among_others(
    lines: tuple[str, ...], time: str | None
) -> None:
    assert read(*lines) == time


def test_a_time_is_surer_beside_the_date_than_with_a_label_alone() -> None:
    times = [time_of([line], DAY) for line in ("12/05/2024 18:42", "Time 18:42", "Till 4 18:42")]
    confidences = [time.confidence for time in times if time]
    assert confidences == sorted(confidences, reverse=True)
    assert confidences[0] >= 0.95
    assert confidences[2] < 0.7


@given(st.text(max_size=60))
def test_any_text_can_be_searched(text: str) -> None:
    time_of([text], DAY)
