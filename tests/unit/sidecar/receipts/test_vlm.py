"""What a vision-language model tells of a receipt goes through the same checks as OCR."""

import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sidecar.receipts.models import nested_from_flat
from sidecar.receipts.options import ReceiptOptions
from sidecar.receipts.pages.decode import ImageLimits
from sidecar.receipts.pages.document import LONG_SIDE, render_pages
from sidecar.receipts.vlm import VlmReceipt, extraction_of, merge_readings, needs_second_read

SAMPLE = Path(__file__).parents[4] / "samples" / "receipt.jpg"


def told(**fields: Any) -> dict[str, Any]:
    milk = {
        "name": "Milk",
        "quantity": "2",
        "unit": None,
        "unit_price": "1.50",
        "total_price": "3.00",
        "discount": None,
    }
    return {
        "merchant": "Corner Shop",
        "date": "2026-01-17",
        "time": "18:42",
        "currency": "EUR",
        "items": [milk, {**milk, "name": "Bread", "total_price": "2.20", "discount": "0.20"}],
        "subtotal": None,
        "tax": None,
        "discount": None,
        "rounding": None,
        "total": "5.00",
        **fields,
    }


def flat(**fields: Any) -> dict[str, Any]:
    reading = extraction_of(VlmReceipt.model_validate(told(**fields)), ReceiptOptions(), pages=1)
    return reading.flat()


def test_amounts_that_add_up_are_believed() -> None:
    reading = flat()
    assert reading["checks"]["matches_total"]
    assert reading["checks"]["items_sum"] == "5.00"
    assert reading["fields"]["total"] == {"amount": "5.00", "currency": "EUR", "confidence": 0.95}
    assert [(item["price"], item["quantity"]) for item in reading["items"]] == [(1.5, 2), (1.1, 2)]
    assert not needs_second_read(reading, below=0.8)


def test_amounts_that_do_not_are_a_claim_and_a_warning() -> None:
    reading = flat(total="50.00")
    assert not reading["checks"]["matches_total"]
    assert reading["checks"]["warnings"]
    assert reading["fields"]["total"]["confidence"] < 0.8
    assert needs_second_read(reading, below=0.0)


@pytest.mark.parametrize("field", ["merchant", "date", "total"])
def test_what_the_receipt_does_not_show_is_none_and_a_reason_to_look_again(field: str) -> None:
    reading = flat(**{field: None})
    assert reading[field] is None
    assert needs_second_read(reading, below=0.0)


def test_a_day_that_no_calendar_has_is_no_date() -> None:
    assert flat(date="2026-02-31")["date"] is None


def test_amounts_stay_together_and_come_from_the_reading_that_adds_up() -> None:
    ocr, vision = flat(total="50.00", merchant="C0RNER"), flat()
    both = merge_readings(ocr, vision, prefer="ocr")
    assert both["total"] == 5.0
    assert both["checks"]["matches_total"]
    assert both["sources"]["total"] == both["sources"]["line_items"] == "vision"
    assert merge_readings(vision, ocr, prefer="vision")["sources"]["total"] == "ocr"


def test_a_field_that_only_one_has_is_taken_from_it() -> None:
    both = merge_readings(flat(date=None, time=None), flat(merchant=None), prefer="ocr")
    assert (both["merchant"], both["sources"]["merchant"]) == ("Corner Shop", "ocr")
    assert (both["date"], both["sources"]["date"]) == ("2026-01-17", "vision")
    assert (both["time"], both["sources"]["time"]) == ("18:42", "vision")


def test_the_wanted_engine_has_its_way_where_nothing_speaks_against_it() -> None:
    both = merge_readings(flat(merchant="A"), flat(merchant="B"), prefer="vision")
    assert both["merchant"] == "B"
    assert set(both["sources"].values()) == {"vision"}
    both = merge_readings(flat(merchant="A"), flat(merchant="B"), prefer="ocr")
    assert both["merchant"] == "A"


def test_the_nested_form_of_a_merged_reading_says_its_sources_too() -> None:
    both = merge_readings(flat(), flat(), prefer="ocr")
    nested = nested_from_flat(both)
    assert nested["sources"] == both["sources"]
    assert nested["total"]["amount"] == "5.00"


amounts = st.none() | st.decimals(-1000, 1000, places=2).map(str)


@given(total=amounts, tax=amounts, discount=amounts, rounding=amounts, quantity=st.integers(0, 99))
def test_any_answer_of_the_right_form_is_a_reading(
    total: str | None, tax: str | None, discount: str | None, rounding: str | None, quantity: int
) -> None:
    items = [{**told()["items"][0], "quantity": str(quantity)}]
    reading = flat(total=total, tax=tax, discount=discount, rounding=rounding, items=items)
    json.dumps(reading, allow_nan=False)
    assert Decimal(reading["line_items"][0]["total_price"]["amount"]) == Decimal("3.00")


def test_pages_are_drawn_small_enough_for_a_model() -> None:
    [page] = render_pages(SAMPLE.read_bytes(), ImageLimits(), most=4)
    with Image.open(io.BytesIO(page)) as image:
        assert image.format == "JPEG"
        assert max(image.size) <= LONG_SIDE
    assert render_pages(SAMPLE.read_bytes(), ImageLimits(), most=0) == ()
