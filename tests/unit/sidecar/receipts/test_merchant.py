"""Who sold it: chains by the name that people use, and the header's best line otherwise."""

import pytest

from tests.unit.sidecar.receipts.printed import read

REST = """
12/03/2024 10:15
MILK                                  2.00
TOTAL                                 2.00
"""


def merchant(header: str) -> str | None:
    found = read(header + REST).merchant
    return found.name if found else None


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("WAL*MART\nSave money. Live better.", "Walmart"),
        ("REWE Markt GmbH\nDomstr. 20\n50668 Köln", "Rewe"),
        ("Tesco Stores Ltd\nWoodseats", "Tesco"),
        ("WHOLE\nFOODS\nMARKET\nSt Paul 651-690-0197", "Whole Foods Market"),  # a logo
        ("Glant\n3521 EAST-WEST HIGHWAY", "Giant"),  # read by a letter that looks like another
        ("RSSMANN\nHauptstr. 1", "Rossmann"),  # by one letter too few
        ("Every day low\nwww.lidl.de", "Lidl"),
        ("TICKET 12\nBurger King #2204 LT\nBOULDER,CO", "Burger King"),  # a branch, and a mark
        ("FRISCHE\nMarktkauf Höxter\nTalstr. 4\n33102 Paderborn", "Marktkauf"),  # and a place
        ("PENNY LANE CAFE\n12 High Road", "PENNY LANE CAFE"),  # no chain
    ],
)
def test_a_chain_is_called_what_people_call_it(header: str, name: str) -> None:
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
def test_slogans_branches_and_places_are_no_part_of_a_name(header: str, name: str) -> None:
    assert merchant(header) == name
