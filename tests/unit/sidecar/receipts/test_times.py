"""The time of the purchase among all times on a receipt."""

import pytest

from tests.unit.sidecar.receipts.printed import read


def time_of(*lines: str) -> str | None:
    time = read("\n".join(("CORNER SHOP", *lines, "MILK 2.00", "TOTAL 2.00"))).time
    return time.value if time else None


@pytest.mark.parametrize(
    ("line", "time"),
    [
        ("12/05/2024 18:42", "18:42"),
        ("12/05/2024 6:22 PM", "18:22"),
        ("12/05/2024 12:05am", "00:05"),
        ("12/05/2024 12.05 p.m.", "12:05"),
        ("11-21-25 5:35P 565/11/3", "17:35"),
        ("Le 12/05/2024 a 17h34", "17:34"),
        ("12.05.2024 13:43:58 Uhr", "13:43:58"),
        ("12.05.2024 13.43 Uhr", "13:43"),
        ("Datum:12.05.24 Zeit:19:02", "19:02"),
        ("12/05/202411:40", "11:40"),
        ("18:1524/05/18", "18:15"),
        ("12/05/2024 25:10", None),
        ("12/05/2024 10:75", None),
        ("12/05/2024", None),
    ],
)
def test_each_printed_form_is_parsed(line: str, time: str | None) -> None:
    assert time_of(line) == time


@pytest.mark.parametrize(
    ("lines", "time"),
    [
        (("Mon-Sat 8:00 - 20:00", "12/05/2024 18:42"), "18:42"),
        (("OPEN 8:00AM TO 9:00PM", "12/05/2024"), None),
        (("Tel:03:77100302", "12/05/2024 18:42"), "18:42"),
        (("Table 4 18:00", "Order 7", "12/05/2024 19:42"), "19:42"),
        (("12/05/2024", "Server 3", "Time: 19:42", "Printed 19:50"), "19:42"),
        (("12/05/2024 19:42 EXPIRES 10:00 12/08/2024",), "19:42"),
        (("12/05/2024 19:42", "Closed: 1 12/05/2024 20:05"), "19:42"),
        (("Tel 1:05-60952052",), None),
    ],
)
def test_the_time_of_the_purchase_is_chosen_among_others(lines: tuple[str, ...], time: str) -> None:
    assert time_of(*lines) == time


def test_a_time_without_a_date_and_label_has_a_lower_confidence() -> None:
    times = [
        read(f"CORNER SHOP\n{line}\nMILK 2.00\nTOTAL 2.00").time
        for line in ("12/05/2024 18:42", "Time 18:42", "Till 4 18:42")
    ]
    assert [time.confidence for time in times if time] == [0.97, 0.9, 0.6]
