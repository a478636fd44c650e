"""One page of a file as a JPEG: `python -m sidecar.receipts.pages.page_image PAGE MEMORY_BYTES LIMITS`.

A process of its own for whoever shows pages and must not decode a caller's files. It reads the file
from stdin and writes the JPEG to stdout; PAGE counts from 0, LIMITS are `ImageLimits` as JSON. The
operating system limits its memory and its CPU time. On a ServiceError it exits with 1 and writes
{"code", "message"} instead.
"""

import json
import os
import resource
import sys
from itertools import islice
from typing import Final

import cv2

from sidecar.core.errors import NotFound, ServiceError
from sidecar.receipts.pages.album import is_album, unpack
from sidecar.receipts.pages.decode import ImageLimits, check_size, decode, sniff
from sidecar.receipts.pages.document import shrunk
from sidecar.receipts.types import Pixels

_LONG_SIDE: Final = 2400  # pixels: legible when it is enlarged
_QUALITY: Final = 85
_CPU_S: Final = 20
#: Below the processes that answer in milliseconds, above jobs.
_NICENESS: Final = 5


def page_image(data: bytes, page: int, limits: ImageLimits) -> bytes:
    """Return a page as a JPEG, upright by EXIF and at most 2400 pixels long; `page` counts from 0.

    Raises:
        NotFound: when there is no such page.
        ServiceError: those of `sidecar.receipts.pages.document.open_pages`.
    """
    return _jpeg(_pixels(data, page, limits))


def _pixels(data: bytes, page: int, limits: ImageLimits) -> Pixels:
    if is_album(data):
        photos = unpack(data, limits)
        pages = (photo for photo in photos[page : page + 1])
        found = next((decode(photo, limits)[0] for photo in pages), None)
    else:
        check_size(data, limits)
        if sniff(data) == "pdf":
            from sidecar.receipts.pages.pdf import render_page

            found = render_page(data, page, limits)
        else:
            found = next(islice(decode(data, limits), page, None), None)
    if found is None:
        raise NotFound("There is no such page.")
    return found


def _jpeg(pixels: Pixels) -> bytes:
    options = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    _, jpeg = cv2.imencode(".jpg", shrunk(pixels, _LONG_SIDE), options)
    return jpeg.tobytes()


def main() -> None:
    """Render the page that the arguments name."""
    page, memory, limits = int(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
    # Native code may print to stdout, which is the image's.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    os.nice(_NICENESS)
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with out:
        try:
            out.write(page_image(sys.stdin.buffer.read(), page, ImageLimits(**limits)))
        except ServiceError as error:
            out.write(json.dumps({"code": error.code, "message": error.message}).encode())
            sys.exit(1)


if __name__ == "__main__":
    main()
