"""Albums: several photographs of one receipt, in one file.

The file is a ZIP of the photographs as they came, so one blob holds a job's whole input, and who
downloads it can open it. Albums are made here alone; a caller's ZIP is no supported file.
"""

import io
import zipfile
from collections.abc import Sequence

from sidecar.core.errors import TooLarge
from sidecar.receipts.pages.decode import ImageLimits, check_size, sniff

MEDIA_TYPE = "application/zip"
_MAGIC = b"PK\x03\x04"
_FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # the same photographs are the same file


def is_album(data: bytes) -> bool:
    """Whether the bytes are an album's."""
    return data.startswith(_MAGIC)


def pack(photos: Sequence[bytes]) -> bytes:
    """Return the album of these photographs, in their order; equal ones for equal photographs."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as album:
        for number, photo in enumerate(photos, start=1):
            name = f"{number:02}.{sniff(photo) or 'bin'}"
            album.writestr(zipfile.ZipInfo(name, _FIRST_DAY), photo)
    return file.getvalue()


def unpack(data: bytes, limits: ImageLimits) -> tuple[bytes, ...]:
    """Return an album's photographs, each within `limits`.

    Raises TooLarge for too many or a too large one, InvalidImage for an empty one.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as album:
        names = album.namelist()
        if len(names) > limits.max_pages:
            raise TooLarge(f"There are {len(names)} photographs; the limit is {limits.max_pages}.")
        photos = tuple(album.read(name) for name in names)
    for photo in photos:
        check_size(photo, limits)
    return photos
