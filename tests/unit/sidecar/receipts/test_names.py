"""The names of line items: where they start and end."""

import pytest

from sidecar.receipts.assignment.names import names_of
from tests.unit.sidecar.receipts.annotated import annotated, tokenized
from tests.unit.sidecar.receipts.printed import read


def names(text: str) -> list[str]:
    """Return the names that the whole reader reads."""
    return [item.parsed_name for item in read(text).line_items]


def built(text: str) -> list[str]:
    """Return the names of the prices of annotated lines; a line with a total ends the items."""
    evidence = annotated(text)
    letters = [line.split("|")[1].strip() for line in text.strip().splitlines()]
    prices = [index for index, letter in enumerate("".join(letters)) if letter == "i"]
    end = next((row for row, line in enumerate(letters) if "t" in line), len(letters))
    return [name.text for name in names_of(evidence, prices, end)]


# With roles given: how words become names.


def test_a_name_is_the_words_on_the_line_of_its_price() -> None:
    assert built("OAT MILK 1L   3.00 A | nnnni.\nRICE 2.00 | ni\nTOTAL 5.00 | .t") == [
        "OAT MILK 1L",
        "RICE",
    ]


def test_a_word_that_the_network_is_unsure_of_belongs_to_the_name_around_it() -> None:
    evidence = annotated("OAT PLAIN MILK 3.00 | n.ni", sure=0.7)
    assert [name.text for name in names_of(evidence, [3], 1)] in (["OAT PLAIN MILK"], ["OAT MILK"])


def test_prices_that_stand_alone_have_their_names_above() -> None:
    assert built("""
        PLUMS            | n  | ABOVE
        0.50 x 3.00 1.50 | q.ui
        PEARS            | n  | ABOVE
        2 x 2.00 4.00    | q.ui
        TOTAL 5.50       | .t
    """) == ["PLUMS", "PEARS"]


def test_prices_that_stand_alone_have_their_names_below() -> None:
    assert built("""
        1 x 20.00 20.00 | q.ui
        STEAMED FISH    | nn | BELOW
        2 x 8.00 16.00  | q.ui
        GREENS          | n  | BELOW
        TOTAL 36.00     | .t
    """) == ["STEAMED FISH", "GREENS"]


def test_a_name_continues_on_the_line_below_its_price() -> None:
    assert built("""
        LONG BRUSH 12.00 | nni
        WITH BRISTLES    | nn | BELOW
        SOAP 3.00        | ni
        TOTAL 15.00      | .t
    """) == ["LONG BRUSH WITH BRISTLES", "SOAP"]


def test_a_line_of_the_summary_is_no_name() -> None:
    assert built("""
        SOAP 3.00        | ni
        TOTAL 3.00       | .t
        THANK YOU        | .. | BELOW
    """) == ["SOAP"]


@pytest.mark.parametrize(
    ("printed", "name"),
    [
        ("4006381333931 PENCIL", "PENCIL"),
        ("PENCIL 4006381333931", "PENCIL"),
        ("004412 - PENCIL", "PENCIL"),
        ("001 7890001112223 PENCIL", "PENCIL"),
        ("PENCIL 2B", "PENCIL 2B"),
        ("7 UP", "7 UP"),
    ],
)
def test_an_article_code_is_no_part_of_the_name(printed: str, name: str) -> None:
    letters = ["n" if token.text.isalnum() else "." for token in tokenized(printed).lines[0]]
    assert built(f"{printed}   3.00 | {''.join(letters)}i\nTOTAL 3.00 | .t") == [name]


def test_short_codes_are_removed_if_most_names_have_one() -> None:
    assert built("""
        4011 BANANAS 1.00 | nni
        4065 PEPPER 2.00  | nni
        TOTAL 3.00        | .t
    """) == ["BANANAS", "PEPPER"]
    assert built("""
        4711 COLOGNE 9.00 | nni
        SOAP 2.00         | ni
        TEA 2.00          | ni
        TOTAL 13.00       | .t
    """) == ["4711 COLOGNE", "SOAP", "TEA"]


# The whole reader.


def test_the_codes_of_a_price_line_are_not_part_of_the_name_below_it() -> None:
    assert names("""
QTY  ITEM                            AMOUNT
1  D                                 20.00 SR
Steamed Fish
2  D                                 16.00 SR
Garden Vegetables
TOTAL                                36.00
""") == ["Steamed Fish", "Garden Vegetables"]


def test_the_address_above_the_first_item_is_not_part_of_its_name() -> None:
    assert names("""
CORNER STORE
12 MAIN ROAD, THE OLD HARBOUR
STEEL BRUSH                          12.00
SOAP                                  3.00
TOTAL                                15.00
""") == ["STEEL BRUSH", "SOAP"]


@pytest.mark.parametrize(
    "above",
    [
        "TAX INVOICE - ABN 51 824 753 556\nPOS 012 TRANS 4410 08:33 19/11/2023",
        "C.I.F.: RO23456789\nBON FISCAL",
        "19/11/2023 08:33:02",
        "ITEM            QTY     AMOUNT",
        "HARDWARE",
    ],
)
def test_the_first_name_of_a_list_of_two_lines_an_article_is_kept(above: str) -> None:
    assert names(f"""
CORNER STORE
{above}
GREEN TEA 20PK
   2 x 2.40                           4.80
RYE BREAD
   1 x 3.10                           3.10
TOTAL                                 7.90
""") == ["GREEN TEA 20PK", "RYE BREAD"]


@pytest.mark.parametrize(
    "line",
    [
        "GREEN TEA 2*2.40=              4.80 A",
        "GREEN TEA   2 x 2.40           4.80",
        "2x GREEN TEA                   4.80",
        "GREEN TEA\n  $2.40 x 2            4.80",
    ],
)
def test_a_quantity_is_no_part_of_the_name(line: str) -> None:
    text = f"CORNER STORE\n{line}\nRYE BREAD                      3.10\nTOTAL            7.90"
    assert names(text) == ["GREEN TEA", "RYE BREAD"]


@pytest.mark.parametrize("size", ["500G", "75CL", "12PK"])
def test_the_size_of_a_pack_is_part_of_the_name(size: str) -> None:
    text = f"CORNER STORE\nWATER JUG {size}         4.62\nSOAP       3.00\nTOTAL     7.62"
    assert names(text) == [f"WATER JUG {size}", "SOAP"]


def test_what_a_dish_comes_with_is_not_joined_to_the_next_dish() -> None:
    found = names("""
THE ANCHOR INN
Table 14
1 Sushi Plate                        24.00
    2 Prawn Roll
    2 Mango Roll
1 Surf Platter                       28.00
TOTAL                                52.00
""")
    assert len(found) == 2
    assert found[1] == "Surf Platter"
