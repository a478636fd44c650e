"""Units as receipts print them, and the one spelling each is given."""

_UNITS: dict[str, str] = {
    printed: unit
    for unit, forms in {
        "kg": "KG KGS K9 KQ KILO KILOS KILOGRAM",
        "g": "G GR GM GMS GRAM GRAMS",
        "lb": "LB LBS 1B IB POUND POUNDS",
        "oz": "OZ OUNCE",
        "l": "L LT LTR LITRE LITER LITRES LITERS",
        "ml": "ML",
        "gal": "GAL GALLON",
        "m": "M MTR METER METRE",
        "each": "EA EACH",
        "piece": "PC PCS PCE PIECE PIECES STK ST STUCK STUECK UN UND PZ PZA ST.",
        "pack": "PK PKT PACK PKG PACKET",
        "box": "BOX BX CTN CARTON",
        "bottle": "BTL BOTTLE",
        "can": "CAN TIN",
        "bag": "BAG",
        "set": "SET",
        "dozen": "DOZ DOZEN",
        "roll": "ROLL",
    }.items()
    for printed in forms.split()
}
UNIT_WORDS = "|".join(sorted((form.replace(".", r"\.") for form in _UNITS), key=len, reverse=True))
"""A regular expression of every printed form, upper case, longest first."""


def unit_of(printed: str | None) -> str | None:
    """The unit's one spelling ("KGS" is kg), or None for what is none."""
    return _UNITS.get(printed.upper().strip()) if printed else None
