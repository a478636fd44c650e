"""A correction of one receipt changes the next receipt of that shop, and no other."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from sidecar.receipts.corrections.applying import lookup, shop_lookup, with_lessons, with_shop
from sidecar.receipts.corrections.kinds import Lesson
from sidecar.receipts.corrections.learning import lessons_of_receipt
from sidecar.receipts.corrections.reviewed import reviewed_reading
from sidecar.receipts.options import ReceiptOptions
from sidecar.receipts.parser import parse
from sidecar.receipts.text_rows import rows_from_text

RECEIPT = """\
GRUN VALEY GROCERS
214 Orchard Street
{number}
{date}  14:32

WHL MLK 1L          {milk}
BRD SRDGH           4.25
EGGS 12 PK          3.99

TOTAL              {total}
CASH                20.00
"""


def read(
    *,
    milk: str = "2.49",
    total: str = "10.73",
    date: str = "03/04/2026",
    number: str = "Tel 503-555-0142",
) -> Mapping[str, Any]:
    text = RECEIPT.format(milk=milk, total=total, date=date, number=number)
    return parse(rows_from_text(text), ReceiptOptions()).flat()


def lines_of(reading: Mapping[str, Any], **changes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the lines of a correction; `changes` has those of the line with that first word."""
    return [
        {"line": index, **changes.get(line["parsed_name"].split()[0], {})}
        for index, line in enumerate(reading["line_items"])
    ]


def after(reading: Mapping[str, Any], lessons: Sequence[Lesson]) -> Mapping[str, Any]:
    """Return the reading as the lessons change it, those of a later one coming first."""
    stored = {(one.kind, one.key): (f"cor_{n}", one.value) for n, one in enumerate(lessons)}

    def known(keys: Mapping[Any, Sequence[str]]) -> Mapping[Any, tuple[str, str]]:
        wanted = {(kind, key) for kind, own in keys.items() for key in own}
        return {at: value for at, value in stored.items() if at in wanted}

    with_name = with_shop(reading, known(shop_lookup(reading)))
    return with_lessons(with_name, known(lookup(with_name)))


def names(reading: Mapping[str, Any]) -> list[str]:
    return [line["parsed_name"] for line in reading["line_items"]]


def test_the_next_receipt_of_the_shop_has_its_name_and_the_names_of_its_lines() -> None:
    first = read()
    assert names(first) == ["WHL MLK 1L", "BRD SRDGH", "EGGS 12 PK"]
    lessons = lessons_of_receipt(
        first,
        {
            "merchant": "Green Valley Grocers",
            "line_items": lines_of(
                first, WHL={"name": "Whole milk", "unit": "l"}, BRD={"name": "Sourdough bread"}
            ),
        },
    )
    second = after(read(milk="2.99", total="11.23", date="2026-01-17"), lessons)
    assert second["merchant"] == "Green Valley Grocers"
    assert second["fields"]["merchant"]["read"] == "GRUN VALEY GROCERS"
    assert second["sources"]["merchant"] == "correction"
    assert names(second) == ["Whole milk", "Sourdough bread", "EGGS 12 PK"]
    assert [item["name"] for item in second["items"]] == names(second)
    assert [line.get("source") for line in second["line_items"]] == ["correction"] * 2 + [None]
    assert second["line_items"][0]["unit"] == "l"
    assert [(entry["kind"], entry["line"]) for entry in second["corrections"]] == [
        ("merchant", None),
        ("name", 0),
        ("unit", 0),
        ("name", 1),
    ]


def test_a_line_of_another_shop_is_not_renamed() -> None:
    first = read()
    lessons = lessons_of_receipt(first, {"line_items": lines_of(first, WHL={"name": "Whole milk"})})
    text = RECEIPT.replace("GRUN VALEY GROCERS", "HARBOUR FOODS LTD").format(
        milk="2.49", total="10.73", date="2026-01-17", number=""
    )
    other = parse(rows_from_text(text), ReceiptOptions()).flat()
    assert names(after(other, lessons)) == names(other)
    assert "corrections" not in after(other, lessons)


def test_a_correction_of_a_correction_wins() -> None:
    first = read()
    lessons = list(
        lessons_of_receipt(first, {"line_items": lines_of(first, WHL={"name": "Half milk"})})
    )
    second = after(read(), lessons)
    assert names(second)[0] == "Half milk"
    lessons += lessons_of_receipt(
        second, {"line_items": lines_of(second, Half={"name": "Whole milk"})}
    )
    assert names(after(read(), lessons))[0] == "Whole milk"
    assert lessons[-1].was == "WHL MLK 1L"


def test_a_shop_is_known_by_its_registration_number_where_its_name_is_unsure() -> None:
    number = "VAT REG NO GB 123 4567 82"
    first = read(number=number)
    lessons = lessons_of_receipt(first, {"merchant": "Green Valley"})
    unread = {**read(number=number), "merchant": None}
    unread["fields"] = {**unread["fields"], "merchant": None}
    unread["raw_ocr_text"] = unread["raw_ocr_text"].replace("GRUN VALEY GROCERS", "~~ ~~")
    assert after(unread, lessons)["merchant"] == "Green Valley"


def test_a_corrected_quantity_applies_to_the_same_print_alone() -> None:
    first = read()
    lessons = lessons_of_receipt(first, {"line_items": lines_of(first, EGGS={"quantity": "12"})})
    second = after(read(milk="2.99", total="11.23"), lessons)
    eggs = second["line_items"][2]
    assert (eggs["quantity"], eggs["total_price"]["amount"]) == (12, "3.99")
    assert second["items"][2]["price"] * 12 == pytest.approx(3.99, abs=0.005)


def test_a_corrected_date_teaches_the_order_of_the_shop_s_dates() -> None:
    first = read(date="03/04/2026")
    corrected = {"2026-03-04": "2026-04-03", "2026-04-03": "2026-03-04"}[first["date"]]
    lessons = lessons_of_receipt(first, {"date": corrected})
    later = {"2026-04-03": "2026-05-02", "2026-03-04": "2026-02-05"}[corrected]
    second = after(read(date="02/05/2026"), lessons)
    assert second["date"] == later
    assert not [text for text in second["checks"]["warnings"] if "two ways" in text]


def test_a_corrected_currency_is_the_shop_s() -> None:
    lessons = lessons_of_receipt(read(), {"currency": "AUD"})
    second = after(read(), lessons)
    assert (second["currency"], second["currency_source"]) == ("AUD", "correction")
    assert {line["total_price"]["currency"] for line in second["line_items"]} == {"AUD"}
    assert second["fields"]["total"]["currency"] == "AUD"


def test_what_stays_as_it_was_read_teaches_nothing() -> None:
    first = read()
    same = [
        {"line": n, "name": line["parsed_name"], "quantity": line["quantity"], "unit": line["unit"]}
        for n, line in enumerate(first["line_items"])
    ]
    correction = {"merchant": first["merchant"], "date": first["date"], "line_items": same}
    assert lessons_of_receipt(first, correction) == []


def test_a_reviewed_reading_has_added_split_and_removed_lines_and_a_sum() -> None:
    first = read()
    reviewed = reviewed_reading(
        first,
        [
            {
                "total": "11.00",
                "tax": "0.27",
                "line_items": [
                    {"line": 0, "name": "Milk", "total_price": "1.49"},
                    {"line": 0, "name": "Cream", "total_price": "1.00"},
                    {"line": 2},
                    {"line": None, "name": "Bread", "quantity": "2", "total_price": "4.25"},
                ],
            }
        ],
    )
    assert names(reviewed) == ["Milk", "Cream", "EGGS 12 PK", "Bread"]
    assert [line["line"] for line in reviewed["line_items"]] == [0, 0, 2, None]
    assert reviewed["items"][3]["price"] == 2.125
    assert reviewed["checks"]["items_sum"] == "10.73"
    assert reviewed["checks"]["matches_total"]
    assert reviewed["total"] == 11.0
    broken = reviewed_reading(first, [{"total": "99.00"}])
    assert not broken["checks"]["matches_total"]


def test_a_lesson_is_short_however_long_the_shops_name_was_read() -> None:
    reading = {**read(), "merchant": "Grocers " * 80}
    for correction in (
        {"line_items": lines_of(reading, WHL={"name": "Milk", "unit": "l", "quantity": "2"})},
        {"currency": "SEK"},
        {"merchant": "Green Valley"},
    ):
        lessons = lessons_of_receipt(reading, correction)
        assert lessons
        for lesson in lessons:
            texts = (lesson.key, lesson.name, lesson.value, lesson.was or "")
            assert max(map(len, texts)) <= 500
            assert len(lesson.shop or "") <= 200


def test_a_stored_correction_to_a_quantity_of_none_leaves_the_reading_whole() -> None:
    reading = reviewed_reading(read(), [{"line": 0, "quantity": "0"}])
    assert reading["line_items"][0]["unit_price"]["amount"] == "2.49"
