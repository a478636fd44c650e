"""The merchant: chains by the name in common use, otherwise the best line of the header."""

import pytest

from tests.unit.sidecar.receipts.printed import read

REST = """
12/03/2024 10:15
MILK                                  2.00
TOTAL                                 2.00
"""


def merchant(header: str) -> str | None:
    result = read(header + REST).merchant
    return result.name if result else None


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("WAL*MART\nSave money. Live better.", "Walmart"),
        ("REWE Markt GmbH\nDomstr. 20\n50668 Köln", "Rewe"),
        ("Tesco Stores Ltd\nWoodseats", "Tesco"),
        ("WHOLE\nFOODS\nMARKET\nSt Paul 651-690-0197", "Whole Foods Market"),  # a logo
        ("Glant\n3521 EAST-WEST HIGHWAY", "Giant"),  # a look-alike letter
        ("RSSMANN\nHauptstr. 1", "Rossmann"),  # a missing letter
        ("Every day low\nwww.lidl.de", "Lidl"),
        ("TICKET 12\nBurger King #2204 LT\nBOULDER,CO", "Burger King"),  # a branch and a site code
        ("FRISCHE\nMarktkauf Höxter\nTalstr. 4\n33102 Paderborn", "Marktkauf"),  # with a place
        ("PENNY LANE CAFE\n12 High Road", "PENNY LANE CAFE"),  # not a chain
    ],
)
def test_a_chain_gets_its_common_name(header: str, name: str) -> None:
    assert merchant(header) == name


def test_a_malaysian_company_keeps_its_registered_name() -> None:
    assert merchant("TESCO STORES (MALAYSIA) SDN BHD\n10 JALAN BUNGA") == (
        "TESCO STORES (MALAYSIA) SDN BHD"
    )


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Fresh for your whole life.\nCub Foods\n2197 Hudson Road", "Cub Foods"),
        ("N SHIFT\nBlue Panda #1635\nBOULDER,CO", "Blue Panda"),
        ("Dumpling Place - College Park\n7313 Example Ave", "Dumpling Place"),
        ("12 Main Street\nTel 555-0142\nOLD MILL BAKERY LTD", "OLD MILL BAKERY LTD"),
    ],
)
def test_slogans_branches_and_places_are_not_part_of_a_name(header: str, name: str) -> None:
    assert merchant(header) == name
