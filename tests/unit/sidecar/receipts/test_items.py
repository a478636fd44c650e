"""Line items: discounts, savings that are only informational, restated prices, headings."""

from tests.unit.sidecar.receipts.printed import read


def items(text: str) -> list[tuple[str, str, str | None]]:
    return [
        (
            item.parsed_name,
            str(item.total_price.amount),
            item.discount and str(item.discount.amount),
        )
        for item in read(text).line_items
    ]


def test_a_negative_amount_is_a_discount_whatever_its_label() -> None:
    assert items("""
OAT MILK                              3.00
KAMPANJ                              -1.00
RICE                                  2.00
TOTAL                                 4.00
""") == [("OAT MILK", "3.00", "1.00"), ("RICE", "2.00", None)]


def test_savings_that_the_prices_already_include_are_not_deducted() -> None:
    assert items("""
OAT MILK                              3.00
Card Savings                          1.00-
RICE                                  2.00
Card Savings                          0.50-
TOTAL                                 5.00
""") == [("OAT MILK", "3.00", None), ("RICE", "2.00", None)]


def test_the_price_after_a_discount_is_not_an_item() -> None:
    assert items("""
YOGURT                                5.49 F
BONUS BUY SAVINGS                     1.49-F
PRICE YOU PAY                         4.00
BAGELS                                4.99 F
TOTAL                                 8.99
""") == [("YOGURT", "5.49", "1.49"), ("BAGELS", "4.99", None)]


def test_a_refund_is_an_item() -> None:
    assert items("""
WATER                                 2.00
BOTTLE DEPOSIT                        0.25
DEPOSIT RETURN                       -0.50
TOTAL                                 1.75
""") == [
        ("WATER", "2.00", None),
        ("BOTTLE DEPOSIT", "0.25", None),
        ("DEPOSIT RETURN", "-0.50", None),
    ]


def test_a_former_price_is_not_an_item() -> None:
    assert items("""
COFFEE                                7.99
REG. PRICE                            9.99
TEA                                   2.00
TOTAL                                 9.99
""") == [("COFFEE", "7.99", None), ("TEA", "2.00", None)]


def test_food_with_a_word_of_the_summary_in_its_name_is_an_item() -> None:
    assert items("""
MILK                                  2.00
BAR DARK CHOC NUTS                    4.99
TAX FREE HONEY                        3.00
SUBTOTAL                              9.99
TOTAL                                 9.99
""") == [
        ("MILK", "2.00", None),
        ("BAR DARK CHOC NUTS", "4.99", None),
        ("TAX FREE HONEY", "3.00", None),
    ]


def test_a_department_heading_is_not_part_of_a_name() -> None:
    assert items("""
PRODUCE
1.76 lb @ 2.99 /lb
BROCCOLI                              5.26 F
HEALTH & BEAUTY
SOAP                                  5.69 T
TOTAL                                10.95
""") == [("BROCCOLI", "5.26", None), ("SOAP", "5.69", None)]
