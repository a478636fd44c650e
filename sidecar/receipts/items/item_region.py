"""Which lines of a receipt can hold items: those between its heading and its summary."""

import re
from collections.abc import Sequence

from sidecar.receipts.lines.line_roles import LineRole, fold, plain_of
from sidecar.receipts.lines.lines import ReceiptLine
from sidecar.receipts.lines.names import name_of, names_something, span_of

_DEPARTMENTS = (
    r"ALCOHOL|APPAREL|BABY|BAKERY|BEAUTY|BEER|BEVERAGES|BEVERAGE|BREAD|BULK|BUTCHER|CANDY|CHILLED|CLOTHING|COSMETICS|DAIRY"
    r"|DELI|DELICATESSEN|DRINKS|ELECTRONICS|FISH|FLORAL|FLOWERS|FOODS|FROZEN|FRUIT|FRUITS|GENERAL|GM|GROCERIES|GROCERY|HBA"
    r"|HBC|HEALTH|HOME|HOUSEHOLD|HOUSEWARES|LIQUOR|MDSE|MEAT|MEATS|MERCHANDISE|MISC|MISCELLANEOUS|NATURAL|NONFOOD|NONFOODS"
    r"|ORGANIC|PERSONAL|CARE|PET|PETS|PHARMACY|POULTRY|PREPARED|PRODUCE|REFRIG|REFRIGERATED|SEAFOOD|SNACKS|SPIRITS|STATIONERY"
    r"|TAXABLE|TOBACCO|VEG|VEGETABLE|VEGETABLES|VITAMINS|WINE|WINES|NON|FOOD|BACKWAREN|DROGERIE|FLEISCH|GEMUESE|GEMUSE"
    r"|GETRANKE|GETRAENKE|HAUSHALT|LEBENSMITTEL|MOLKEREI|OBST|TIEFKUHL|WURST|BOISSONS|BOUCHERIE|BOULANGERIE|CHARCUTERIE"
    r"|CREMERIE|EPICERIE|HYGIENE|LEGUMES|LIQUIDES|POISSONNERIE|SURGELES|BEBIDAS|CARNICERIA|CONGELADOS|DROGUERIA|FRUTA|FRUTAS"
    r"|FRUTERIA|HIGIENE|LACTEOS|PANADERIA|PESCADERIA|VERDURAS|LATICINIOS|MERCEARIA|PADARIA|TALHO|LATTICINI|MACELLERIA"
    r"|ORTOFRUTTA|SURGELATI|AKF|AGF|VERS|ZUIVEL"
)
_DEPARTMENT_JOINT = r"[\s/&,+.-]|\b(?:AND|UND|ET|E|Y|EN)\b"
_DEPARTMENT_HEADING = re.compile(
    rf"^\W*(?:\d{{1,2}}\s?[-.:]?\s?)?(?:{_DEPARTMENTS})(?:(?:{_DEPARTMENT_JOINT})+(?:{_DEPARTMENTS}))*\W*$"
)
_MARKED_HEADING = re.compile(
    r"^(?:\d{2}\s?-\s?|[>»]{1,6} ?|\*{2,} ?|={2,} ?|-{2,} ?)[A-Z][A-Z &/.]{3,}\W*$|^[A-Z][A-Z &/.]{3,}:$"
)

_ENDS = {
    LineRole.SUBTOTAL, LineRole.TOTAL, LineRole.TAX, LineRole.TAX_BASE, LineRole.COUNT, LineRole.TENDERED, LineRole.CHANGE,
    LineRole.ROUNDING, LineRole.SERVICE, LineRole.TIP, LineRole.TAX_TABLE,
}  # fmt: skip


_AFTER_THE_TOTAL = {LineRole.TENDERED, LineRole.CHANGE}  # before it they are food: BAR DARK CHOC
REDUCTIONS = {LineRole.DISCOUNT, LineRole.POINTS, LineRole.SAVINGS, LineRole.FORMER}


_ENDINGS = 5


def regions_of(lines: Sequence[ReceiptLine]) -> tuple[tuple[int, int], ...]:
    """First and past-the-end index of the lines that can hold items, the likeliest first: a line
    that opens the summary by its words ("TAX FREE HONEY 3.99") may be an item all the same.
    """
    heading = _heading(lines)
    first = next(
        (i for i in range(heading + 1, len(lines)) if _is_price_line(lines[i], heading >= 0)), None
    )
    if first is None:
        summary = next((i for i, line in enumerate(lines) if _ends(line)), 0)
        return ((summary, summary),)
    start = heading + 1
    if heading < 0:
        start = first
        named = names_something(name_of(lines[first], None))
        while (
            not named
            and start > 0
            and first - start < 3
            and _may_be_name(lines[start - 1], lines[start])
        ):
            start -= 1
        if named and _wraps(lines, first):
            start -= 1
    opening = next((i for i, line in enumerate(lines) if i >= first and _opens_summary(line)), 0)
    ends = [
        i
        for i in range(max(first, start), len(lines))
        if _ends(lines[i]) and not (i < opening and lines[i].role in _AFTER_THE_TOTAL)
    ] or [len(lines)]
    return tuple((start, max(start, end)) for end in ends[:_ENDINGS])


def quantity_first(lines: Sequence[ReceiptLine]) -> bool:
    """Whether the column heading puts the quantity before the name."""
    for line in lines:
        if line.role is LineRole.COLUMNS:
            text = fold(line.row.text)
            quantity = re.search(r"\bQTY|QUANTITY|MENGE|ANZ\b|AANTAL|\bQTE\b|CANT|MANGD", text)
            name = re.search(r"DESC|ITEM|ARTI|PRODUCT|BEZEICH|OMSCHR|LIBELLE|BESKR", text)
            if quantity and name:
                return quantity.start() < name.start()
    return False


def tells_nothing(line: ReceiptLine) -> bool:
    """A discount of nothing, or savings and points that were not taken off the sum."""
    if line.role is LineRole.DISCOUNT:
        return not any(figure.value for figure in line.figures)
    return line.role in REDUCTIONS and not any(figure.value < 0 for figure in line.figures)


def _heading(lines: Sequence[ReceiptLine]) -> int:
    """The last line of the first column heading that stands above the summary, or -1."""
    summary = next(
        (i for i, line in enumerate(lines) if line.figures and line.role in _ENDS), len(lines)
    )
    heading = next((i for i in range(summary) if lines[i].role is LineRole.COLUMNS), -1)
    while 0 <= heading < summary - 1 and lines[heading + 1].role is LineRole.COLUMNS:
        heading += 1
    return heading


def _is_price_line(line: ReceiptLine, below_heading: bool) -> bool:
    printed = any(figure.places == 2 and not figure.repaired for figure in line.figures)
    if not (printed or (line.figures and below_heading)) or _CLOCK.search(line.row.text):
        return False
    if line.role is LineRole.META:
        return below_heading or not re.search(r"[:#]", line.row.text)
    return line.role in (None, LineRole.DISCOUNT)


_CLOCK = re.compile(r"\d[:.]\d{2}[:.]\d{2}|\d{1,2}:\d{2}|\d[/-]\d{1,2}[/-]\d{2}")


def _ends(line: ReceiptLine) -> bool:
    """A summary line; the word must open the line, for food is called TOTAL and BAR too."""
    return line.role in _ENDS and (
        bool(line.figures)
        or (
            line.role in (LineRole.COUNT, LineRole.TAX_TABLE, LineRole.TOTAL, LineRole.SUBTOTAL)
            and not heads_a_department(line.row.text)
        )
    )


def _opens_summary(line: ReceiptLine) -> bool:
    return line.role in (LineRole.TOTAL, LineRole.SUBTOTAL) and bool(line.figures)


def _wraps(lines: Sequence[ReceiptLine], first: int) -> bool:
    """Whether the name on the first price line began on the line above it: no word more fits there
    than on the other names' lines, and the till's own lines (date, cashier) end the shop's address
    above it.
    """
    if first < 2 or not _may_be_name(lines[first - 1], lines[first]):
        return False
    before, above, below = lines[first - 2 : first + 1]
    left, word, _ = span_of(below, name_of(below, None))
    priced = [line for line in lines[first:] if line.figures and line.role is None]
    if not priced:
        return False
    edge = max(span_of(line, name_of(line, None))[2] for line in priced)
    return (
        (before.role is LineRole.META or bool(_CLOCK.search(before.row.text)))
        and abs(above.row.left - left) < above.row.height
        and above.row.right + (word - left) > edge
        and above.row.right < below.figures[-1].left
    )


def _may_be_name(line: ReceiptLine, below: ReceiptLine) -> bool:
    text = line.row.text
    return (
        line.role is None
        and not line.figures
        and not heads_a_department(text)
        and line.letters >= 1
        and below.row.middle - line.row.middle < 2.2 * max(line.row.height, below.row.height)
        and not re.search(r":|\b\d{5}\b|\(\w+-\w+\)|\b\d{1,2}[/-]\d{1,2}[/-]\d{2,4}", text)
    )


def heads_a_department(text: str) -> bool:
    """Whether a line without an amount is such a heading, by its words or the signs before it."""
    plain = plain_of(text).strip()
    return bool(_DEPARTMENT_HEADING.match(plain) or _MARKED_HEADING.match(plain))
