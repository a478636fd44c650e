"""Receipts of several countries as pictures over HTTP, and pictures that are not one receipt."""

import base64
import datetime
import random
from decimal import Decimal
from typing import Any

import cv2
import httpx
import numpy as np
import pytest

from tests.acceptance.service import REPOSITORY
from tests.corpus.draw import Degradation, Pixels, draw
from tests.corpus.till import Printed

RECEIPTS = REPOSITORY / "tests" / "unit" / "sidecar" / "receipts"


def drawn(till: str) -> Pixels:
    """Draw a receipt of the folder tills/ with the noise of a thermal printer."""
    text = (RECEIPTS / "tills" / f"{till}.txt").read_text("utf-8").partition("\n=====\n")[0]
    lines = tuple(text.splitlines())
    printed = Printed(till, "", datetime.date(2024, 1, 1), None, (), Decimal(0), lines)
    return draw(printed, random.Random(1), Degradation(noise=5), "DejaVuSansMono.ttf")


def extraction_of(client: httpx.Client, image: bytes) -> dict[str, Any]:
    body = {"payload": {"image_base64": base64.b64encode(image).decode()}}
    response = client.post("/api/v1/extract-receipt", json=body)
    assert response.status_code == 200, response.text
    payload: dict[str, Any] = response.json()["payload"]
    return payload


def encoded(picture: Pixels) -> bytes:
    return cv2.imencode(".png", picture)[1].tobytes()


@pytest.mark.parametrize(
    ("till", "date", "total", "currency"),
    [
        ("id_01", "2023-03-08", 40000, "IDR"),
        ("no_01", "2023-09-11", 145.72, "NOK"),
        ("tr_01", "2022-02-06", 81.63, "TRY"),
    ],
)
def test_a_receipt_is_read_where_it_is_from(
    client: httpx.Client, till: str, date: str, total: float, currency: str
) -> None:
    read = extraction_of(client, encoded(drawn(till)))
    assert (read["date"], read["total"], read["currency"]) == (date, total, currency)
    assert read["currency_confidence"] >= 0.9


def test_a_japanese_receipt_is_read(client: httpx.Client) -> None:
    read = extraction_of(client, (RECEIPTS / "pictures" / "japanese.png").read_bytes())
    assert (read["date"], read["total"], read["currency"]) == ("2024-03-12", 840, "JPY")
    assert [item["name"] for item in read["items"]][:1] == ["牛乳 1L"]


def test_two_receipts_in_one_picture_are_said(client: httpx.Client) -> None:
    left, right = drawn("no_01"), drawn("tr_01")
    height = max(left.shape[0], right.shape[0])
    page = np.full((height, left.shape[1] + right.shape[1], 3), 255, dtype=np.uint8)
    page[: left.shape[0], : left.shape[1]] = left
    page[: right.shape[0], left.shape[1] :] = right
    read = extraction_of(client, encoded(page))
    assert (read["checks"]["matches_total"], read["items"]) == (False, [])
    assert any("several receipts" in warning for warning in read["checks"]["warnings"])
