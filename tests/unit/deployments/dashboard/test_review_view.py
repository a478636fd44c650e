"""Each line of a receipt knows its place in the picture."""

from collections.abc import Mapping, Sequence
from typing import Any

from deployments.dashboard.review_view import review_view
from sidecar.receipts.corrections.reviewed import reviewed_reading
from tests.unit.deployments.dashboard.test_router import output


def box(text: str, x: int, y: int, page: int = 0) -> Mapping[str, Any]:
    corners = (x, y, x + 900, y, x + 900, y + 100, x, y + 100)
    return {"page": page, "box": corners, "text": text, "confidence": 0.9}


def owners(raw_texts: Sequence[str], *boxes: Mapping[str, Any]) -> Mapping[str, int | None]:
    """Return the line of each box by its text and height."""
    reading = dict(output("x"))
    lines = [{**reading["line_items"][0], "raw_text": text} for text in raw_texts]
    reading |= {"line_items": lines, "ocr_lines": boxes}
    view = review_view(reading, reviewed_reading(reading, []), 0.8)
    return {f"{one.text} {one.points.split()[1]}": one.line for page in view.pages for one in page}


def test_the_boxes_of_a_line_are_its_name_and_its_price() -> None:
    assert owners(
        ["MILK 2.49", "BREAD 4.25"],
        box("SHOP", 0, 0),
        box("MILK", 0, 200),
        box("2.49", 5000, 210),
        box("BREAD", 0, 400),
        box("4.25", 5000, 390),
        box("TOTAL 6.74", 0, 600),
    ) == {
        "SHOP 0": None,
        "MILK 200": 0,
        "2.49 210": 0,
        "BREAD 400": 1,
        "4.25 390": 1,
        "TOTAL 6.74 600": None,
    }


def test_equal_lines_have_their_own_boxes_from_top_to_bottom() -> None:
    assert owners(
        ["MILK 2.49", "MILK 2.49"],
        box("MILK", 0, 200),
        box("2.49", 5000, 200),
        box("MILK", 0, 400),
        box("2.49", 5000, 400),
    ) == {"MILK 200": 0, "2.49 200": 0, "MILK 400": 1, "2.49 400": 1}


def test_a_line_of_two_rows_has_the_boxes_of_both() -> None:
    assert owners(
        ["BANANAS\n2.36 lb @ 0.59 1.39"],
        box("BANANAS", 0, 200),
        box("2.36 lb @ 0.59", 0, 320),
        box("1.39", 5000, 320),
    ) == {"BANANAS 200": 0, "2.36 lb @ 0.59 320": 0, "1.39 320": 0}


def test_a_line_of_a_later_page_has_its_place_there() -> None:
    reading = dict(output("x"))
    lines = [{**reading["line_items"][0], "raw_text": text} for text in ("MILK 2.49", "TEA 3")]
    boxes = [box("TEA 3", 0, 300, page=1), box("MILK 2.49", 0, 9000), box("MILK 2.49", 0, 100, 1)]
    reading |= {"line_items": lines, "ocr_lines": boxes, "pages": 3}
    view = review_view(reading, reviewed_reading(reading, []), 0.8)
    placed = [[(one.text, one.line) for one in page] for page in view.pages]
    assert placed == [[("MILK 2.49", 0)], [("MILK 2.49", None), ("TEA 3", 1)], []]


def test_what_corrections_taught_is_said() -> None:
    reading = dict(output("x"))
    reading["corrections"] = [
        {"id": "cor_1", "kind": "merchant", "line": None, "was": "x", "value": "y"},
        {"id": "cor_2", "kind": "name", "line": 0, "was": "x", "value": "y"},
        {"id": "cor_3", "kind": "unit", "line": 0, "was": "x", "value": "y"},
        {"id": "cor_4", "kind": "name", "line": 1, "was": "x", "value": "y"},
    ]
    view = review_view(reading, reviewed_reading(reading, []), 0.8)
    assert view.learned == "Earlier corrections of this shop's receipts set its name and 2 lines."
