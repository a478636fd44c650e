"""How languages write numbers and dates."""

import pytest

from sidecar.receipts.fields.writing import Writing, writing_of


@pytest.mark.parametrize(
    ("tag", "writing"),
    [
        ("de", Writing(",", "dmy")),
        ("de-CH", Writing(".", "dmy")),
        ("en", Writing(".", None)),
        ("en-US", Writing(".", "mdy")),
        ("en_GB", Writing(".", "dmy")),
        ("en-CA", Writing(".", None)),
        ("EN-us", Writing(".", "mdy")),
        ("es", Writing(",", "dmy")),
        ("es-MX", Writing(".", "dmy")),
        ("sv", Writing(",", "ymd")),
        ("hu", Writing(",", "ymd")),
        ("ja", Writing(".", "ymd")),
        ("zh-Hant-HK", Writing(".", "dmy")),
        ("nb", Writing(",", "dmy")),
        ("pt-BR", Writing(",", "dmy")),
        ("xx", Writing()),
        (None, Writing()),
    ],
)
def test_a_language_has_its_decimal_mark_and_order(tag: str | None, writing: Writing) -> None:
    assert writing_of(tag) == writing
