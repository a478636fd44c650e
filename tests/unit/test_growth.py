"""No function takes a time that grows faster than its text: every pattern, and every reader.

Texts are repetitions of what makes expressions try again. A text of eight times the length may take
28 times the time, which leaves room for a busy machine; one whose time grows with the square takes
64 times.
"""

import importlib
import json
import pkgutil
import re
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

import pytest

from deployments.ingress.json_parsing import parse_json
from sidecar.classification.corrections import name_key
from sidecar.core.errors import ServiceError
from sidecar.core.ssrf import check_url
from sidecar.core.validation import not_blank
from sidecar.llm.grammar_limits import pattern_size
from sidecar.receipts.catalog.matching import normalize
from sidecar.receipts.options import ReceiptOptions
from sidecar.receipts.pages.decode import ImageLimits
from sidecar.receipts.pages.pdf_streams import check_streams
from sidecar.receipts.parser import parse
from sidecar.receipts.roles.tokens import MAX_CHARACTERS
from sidecar.receipts.text_rows import rows_from_text
from sidecar.search.ranking import document_terms
from sidecar.text.product_names import expand, product_key
from sidecar.text.taxonomy import label_key

UNITS = (
    *(
        "a",
        "A",
        "1",
        " ",
        "\t",
        "\n",
        ".",
        ",",
        "-",
        "/",
        ":",
        "'",
        '"',
        "\\",
        "%",
        "*",
        "(",
        "[",
        "{",
    ),
    *(
        "0.",
        "1,",
        "1 ",
        "1/",
        "1:",
        "a ",
        "a-",
        "a.",
        "ab1",
        "a'",
        "x ",
        "# ",
        "<a",
        "&a",
        "é",
        "日",
    ),
    *("e\u0301", "\u200b", "1.99 ", "12/", "1 1/2 ", "stream\n", "/Type ", "a\n", "Total 1.99 "),
)
_FEW_UNITS = ("a", "1", "1.99 ", "a 1.99 ", "Total 1.99 ", "12/", "日", "2 x ")
SHORT, LONG = 1_000, 8_000
_ALLOWED_RATIO = 28.0
_FAST_S = 0.02  # what is this fast at any length grows slowly enough


def seconds(work: Callable[[str], object], text: str) -> float:
    """Return the least CPU time of three runs."""
    best = float("inf")
    for _ in range(3):
        started = time.thread_time()
        with suppress(ValueError, ServiceError, json.JSONDecodeError):
            work(text)
        best = min(best, time.thread_time() - started)
        if best < _FAST_S:
            break
    return best


def assert_grows_slowly(
    name: str,
    work: Callable[[str], object],
    units: Sequence[str] = UNITS,
    *,
    lengths: tuple[int, int] = (SHORT, LONG),
) -> None:
    for unit in units:
        for end in ("", "!"):
            short, long = ((unit * (length // len(unit) + 1))[:length] + end for length in lengths)
            slow = seconds(work, long)
            if slow > _FAST_S:
                ratio = slow / max(seconds(work, short), 1e-6)
                assert ratio < _ALLOWED_RATIO, f"{name} of {unit!r}{end!r}: {ratio:.0f} times"


def patterns() -> Iterator[tuple[str, re.Pattern[str]]]:
    """Yield every compiled pattern of text in the modules of the three packages."""
    for package in ("sidecar", "jobs", "deployments.http", "deployments.ingress"):
        root = importlib.import_module(package)
        for module in pkgutil.walk_packages(root.__path__, f"{package}."):
            if re.search(r"migrations|training|vllm|gguf|nli|torch|__main__", module.name):
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # raised when Ray is imported
                imported = importlib.import_module(module.name)
            for name, value in vars(imported).items():
                if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
                    yield f"{module.name}.{name}", value


def test_every_pattern_is_linear() -> None:
    found = dict(patterns())
    assert len(found) > 40
    for name, pattern in found.items():
        # Of a receipt's line no more is seen, and its words have one blank between them: it is
        # enough to be fast there.
        is_line = name.startswith("sidecar.receipts.")

        def work(text: str, pattern: re.Pattern[str] = pattern, is_line: bool = is_line) -> None:
            text = " ".join(text.split()) if is_line else text
            for _ in pattern.finditer(text):
                pass
            pattern.fullmatch(text)

        lengths = (MAX_CHARACTERS // 8, MAX_CHARACTERS) if is_line else (SHORT, LONG)
        assert_grows_slowly(name, work, lengths=lengths)


READERS: dict[str, Callable[[str], object]] = {
    "name_key": name_key,
    "product_key": product_key,
    "expand": expand,
    "label_key": label_key,
    "normalize": normalize,
    "document_terms": document_terms,
    "not_blank": not_blank,
    "pattern_size": pattern_size,
    "check_url": lambda text: check_url(f"http://{text}"),
    "parse_json": lambda text: parse_json(json.dumps([text] * 8).encode()),
    "check_streams": lambda text: check_streams(b"%PDF-1.7\n" + text.encode() * 8, ImageLimits()),
}


@pytest.mark.parametrize("name", READERS)
def test_every_reader_of_text_is_linear(name: str) -> None:
    assert_grows_slowly(name, READERS[name])


def test_a_receipts_line_is_read_in_linear_time() -> None:
    def work(text: str) -> None:
        parse(rows_from_text(text), ReceiptOptions())

    assert_grows_slowly("a line", work, _FEW_UNITS)
