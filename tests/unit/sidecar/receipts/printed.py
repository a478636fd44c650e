"""Parses receipts given as text, as a fixed-width printer would print them."""

from sidecar.receipts.models import Extraction
from sidecar.receipts.options import ReceiptOptions
from sidecar.receipts.parser import parse
from sidecar.receipts.text_rows import rows_from_text


def read(text: str, **options: object) -> Extraction:
    """Parse a receipt given as text."""
    return parse(rows_from_text(text), ReceiptOptions.model_validate(options))
