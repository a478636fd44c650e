"""Albums: the photographs come out as they went in, within the limits."""

import pytest

from sidecar.core.errors import InvalidImage, TooLarge, UnsupportedImage
from sidecar.receipts.pages.album import is_album, pack, unpack
from sidecar.receipts.pages.decode import ImageLimits, sniff
from sidecar.receipts.pages.document import open_pages, render_pages
from tests.unit.sidecar.receipts.test_decode import encoded, half_dark
from tests.unit.sidecar.receipts.test_pdf import empty_pdf

LIMITS = ImageLimits()
ONE, TWO = encoded(half_dark(), "JPEG"), encoded(half_dark((80, 60)), "PNG")


def test_photographs_come_out_in_their_order() -> None:
    assert unpack(pack((TWO, ONE)), LIMITS) == (TWO, ONE)


def test_equal_photographs_are_the_same_file() -> None:
    assert pack((ONE, TWO)) == pack((ONE, TWO))
    assert pack((ONE, TWO)) != pack((TWO, ONE))


def test_an_album_is_no_file_that_a_caller_may_send() -> None:
    assert is_album(pack((ONE, TWO)))
    assert sniff(pack((ONE, TWO))) is None
    assert not is_album(ONE)


def test_each_photograph_is_checked_like_a_single_one() -> None:
    with pytest.raises(TooLarge, match="3 photographs"):
        unpack(pack((ONE, ONE, TWO)), ImageLimits(max_pages=2))
    with pytest.raises(TooLarge, match="bytes"):
        unpack(pack((ONE, TWO)), ImageLimits(max_bytes=len(ONE) - 1))
    with pytest.raises(InvalidImage):
        unpack(pack((ONE, b"")), LIMITS)
    with pytest.raises(TooLarge, match="pixels"):
        list(open_pages(pack((ONE, TWO)), ImageLimits(max_pixels=3_000))[1])


def test_its_pages_are_the_photographs() -> None:
    count, pages = open_pages(pack((ONE, TWO)), LIMITS)
    assert count == 2
    assert [page.shape for page in pages] == [(60, 40, 3), (60, 80, 3)]  # type: ignore[union-attr]
    assert len(render_pages(pack((ONE, TWO)), LIMITS, max_images=5)) == 2


def test_a_document_with_pages_is_no_photograph() -> None:
    tiff = encoded(half_dark(), "TIFF", save_all=True, append_images=[half_dark()])
    for photo in (tiff, empty_pdf(1)):
        with pytest.raises(UnsupportedImage):
            list(open_pages(pack((ONE, photo)), LIMITS)[1])
