"""Receipts transcribed by a document-OCR model: its markdown becomes text, and text is parsed."""

import html
import re
import unicodedata
from collections.abc import Sequence

from sidecar.receipts.models import Extraction
from sidecar.receipts.options import ReceiptOptions
from sidecar.receipts.parser import parse
from sidecar.receipts.text_rows import rows_from_text
from sidecar.text.digits import ARABIC_MARKS, ascii_digits

_GAP = "   "  # between the cells of a table
_CELL = re.compile(r"</t[dh]>\s*<t[dh][^>]*>|(?<=\S)[ \t]*(?<!\\)\|", re.IGNORECASE)
_BREAK = re.compile(r"<br\s*/?>|</(?:tr|p|div|h\d|li)>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-z][^<>]*>", re.IGNORECASE)
_RULE = re.compile(r"^(?:[ \t|:-]+|[ \t]*```\w*[ \t]*)$", re.MULTILINE)
_EDGE = re.compile(r"^[ \t]*(?:\||#{1,6} )|\|[ \t]*$", re.MULTILINE)
_STRESS = re.compile(r"(?<![*_])(?:\*\*|__)(?![*_])")  # longer ones hide a card's digits
_ESCAPE = re.compile(r"\\(?:[()\[\]]|([$%&#*_|~]))")


def extraction_of_transcription(
    pages: Sequence[str], options: ReceiptOptions, count: int
) -> Extraction:
    """Return what the pages' transcriptions say, parsed as any text; `count` is the document's."""
    return parse(rows_from_text("\n".join(map(plain_text, pages))), options, count)


def plain_text(markdown: str) -> str:
    """Return the words of markdown as a printer would have set them: tables become columns.

    Digits of other scripts become those that amounts and dates are parsed from.
    """
    text = _BREAK.sub("\n", _EDGE.sub("", _RULE.sub("", markdown)))
    text = html.unescape(_TAG.sub("", _CELL.sub(_GAP, text)))
    text = _ESCAPE.sub(lambda match: match[1] or "", _STRESS.sub("", text))
    return ascii_digits(unicodedata.normalize("NFKC", text).translate(ARABIC_MARKS))
