"""Units as receipts print them, and the one spelling each is given."""

_UNITS: dict[str, str] = {
    printed: unit
    for unit, forms in {
        "kg": "KG KGS K9 KQ KILO KILOS KILOGRAM",
        "g": "G GR GM GMS GRAM GRAMS",
        "lb": "LB LBS 1B IB POUND POUNDS",
        "oz": "OZ OUNCE OUNCES",
        "l": "L LT LTR LITRE LITER LITRES LITERS",
        "ml": "ML",
        "gal": "GAL GALLON GALLONS",
        "m": "M MTR METER METRE",
        "each": "EA EACH",
        "piece": "PC PCS PCE PIECE PIECES KPL SZT STK ST STUCK STUECK UN UND PZ PZA ST.",
        "pack": "PK PKS PKT PKTS PACK PACKS PKG PKGS PACKET PACKETS",
        "box": "BOX BOXES BX CTN CTNS CARTON CARTONS",
        "bottle": "BTL BTLS BOTTLE BOTTLES",
        "can": "CAN CANS TIN TINS",
        "bag": "BAG BAGS",
        "set": "SET SETS",
        "dozen": "DOZ DOZEN DOZENS",
        "roll": "ROLL ROLLS",
    }.items()
    for printed in forms.split()
}
UNIT_WORDS = "|".join(sorted((form.replace(".", r"\.") for form in _UNITS), key=len, reverse=True))
"""A regular expression of every printed form, upper case, longest first."""


def unit_of(printed: str | None) -> str | None:
    """The unit's one spelling ("KGS" is kg), or None for what is none."""
    return _UNITS.get(printed.upper().strip()) if printed else None
