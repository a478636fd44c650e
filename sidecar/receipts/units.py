"""Units of quantities, by the spellings that receipts print: data/units.toml."""

from sidecar.receipts.word_lists import load

_UNITS: dict[str, str] = {
    printed: unit for unit, forms in load("units").items() for printed in forms.split()
}
UNIT_WORDS = "|".join(sorted((form.replace(".", r"\.") for form in _UNITS), key=len, reverse=True))
"""A regular expression of every printed form, upper case, longest first."""


def unit_of(printed: str | None) -> str | None:
    """Return a unit's standard spelling ("KGS" is kg), or None."""
    return _UNITS.get(printed.upper().strip()) if printed else None
