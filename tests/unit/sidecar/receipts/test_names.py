"""The names of line items: where they start and end."""

from tests.unit.sidecar.receipts.printed import read


def names(text: str) -> list[str]:
    return [item.parsed_name for item in read(text).line_items]


def test_a_wrapped_name_is_joined() -> None:
    assert names("""
SOAP                                  3.00
LONG HANDLED KITCHEN BRUSH WITH
STEEL BRISTLES                       12.00
TOTAL                                15.00
""") == ["SOAP", "LONG HANDLED KITCHEN BRUSH WITH STEEL BRISTLES"]


def test_a_line_that_fits_on_the_one_above_is_not_part_of_its_name() -> None:
    assert names("""
ITEM                                 AMOUNT
9001                                  9.00
GRILLED CHICKEN RICE WITH EGG
9002                                  7.00
NOODLES
Less spicy
TOTAL                                16.00
""") == ["GRILLED CHICKEN RICE WITH EGG", "NOODLES"]


def test_an_item_with_only_a_code_is_named_by_the_code() -> None:
    assert names("""
70011223                            5.00
MILK                                  3.00
TOTAL                                 8.00
""") == ["70011223", "MILK"]


def test_the_codes_of_a_price_line_are_not_part_of_the_name_below_it() -> None:
    assert names("""
QTY  ITEM                            AMOUNT
1  D                                 20.00 SR
Steamed Fish
2  D                                 16.00 SR
Garden Vegetables
TOTAL                                36.00
""") == ["Steamed Fish", "Garden Vegetables"]


def test_the_size_of_a_pack_is_part_of_the_name() -> None:
    assert names("""
COFFEE 40G*15 CLASSIC
9555037203555  13.90*1               13.90 S
TOTAL                                13.90
""") == ["COFFEE 40G*15 CLASSIC"]


def test_the_first_name_may_be_wrapped_on_a_receipt_without_a_heading() -> None:
    assert names("""
CORNER STORE
12 MAIN ROAD
Date: 12/03/2024 10:15
LONG HANDLED KITCHEN BRUSH WITH
STEEL BRISTLES                       12.00
SOAP                                  3.00
TOTAL                                15.00
""") == ["LONG HANDLED KITCHEN BRUSH WITH STEEL BRISTLES", "SOAP"]


def test_the_address_above_the_first_item_is_not_part_of_its_name() -> None:
    assert names("""
CORNER STORE
12 MAIN ROAD, THE OLD HARBOUR
STEEL BRUSH                          12.00
SOAP                                  3.00
TOTAL                                15.00
""") == ["STEEL BRUSH", "SOAP"]


def test_a_line_with_the_same_code_as_the_one_above_repeats_the_name_in_another_language() -> None:
    assert names("""
QTY  ITEM                            AMOUNT
1  205 SUON NON RAM CHUA               9.90
205 Sweet and Sour Pork Ribs
1  605 TRA DA                          1.50
605 Vietnamese Iced Tea
TOTAL                                 11.40
""") == ["SUON NON RAM CHUA", "TRA DA"]
