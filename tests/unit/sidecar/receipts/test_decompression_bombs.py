"""Files that are small on the wire and huge when decoded: refused before they are."""

import json
import subprocess
import sys
import zlib
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.decompression_bombs import BOMBS, pdf
from sidecar.core.errors import BadRequest, TooLarge
from sidecar.receipts.pages.decode import ImageLimits, sniff
from sidecar.receipts.pages.pdf import pdf_pages
from sidecar.receipts.pages.pdf_streams import MAX_UNPACKED, check_streams

REPOSITORY = Path(__file__).parents[4]
REFUSED = {"too_large", "unsupported_image", "invalid_image", "unreadable_pdf"}
LIMITS = ImageLimits()


def test_every_bomb_is_refused_and_none_takes_200_megabytes() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "bench.decompression_bombs", "--json"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    results = [json.loads(line) for line in run.stdout.splitlines()]
    assert [one["name"] for one in results] == list(BOMBS)
    for one in results:
        assert one["outcome"] in REFUSED, one
        assert one["megabytes"] < 200, one


def test_what_unpacks_to_just_the_limit_is_let_through() -> None:
    check_streams(pdf(zlib.compress(bytes(MAX_UNPACKED))), LIMITS)
    with pytest.raises(TooLarge, match="unpacks"):
        check_streams(pdf(zlib.compress(bytes(MAX_UNPACKED + 1))), LIMITS)


@given(st.binary(max_size=2000), st.sampled_from(["", "stream\n", "/Subtype/Image stream\r\n"]))
def test_no_bytes_upset_the_count_of_streams(data: bytes, before: str) -> None:
    check_streams(before.encode() + data, LIMITS)
    check_streams(before.encode() + zlib.compress(data), LIMITS)


@given(st.data())
def test_a_pdf_with_any_bytes_changed_is_read_or_the_callers_fault(data: st.DataObject) -> None:
    file = bytearray(pdf(zlib.compress(b"0 0 m 10 10 l S")))
    for place in data.draw(st.lists(st.integers(0, len(file) - 1), max_size=8)):
        file[place] = data.draw(st.integers(0, 255))
    with suppress(BadRequest, TooLarge):
        for _ in pdf_pages(bytes(file), LIMITS)[1]:
            pass


@given(st.binary(max_size=3000))
def test_any_bytes_are_of_a_known_kind_or_of_none(data: bytes) -> None:
    assert sniff(data) in {None, "jpeg", "png", "webp", "tiff", "heic", "pdf"}
