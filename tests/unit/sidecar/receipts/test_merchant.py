"""The merchant: chains by the name in common use, otherwise the best line of the header."""

import pytest

from sidecar.receipts.fields.chains import sites_in
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
        ("Blue Panda #1635\nBOULDER, CO", "Blue Panda"),
        ("Dumpling Place - College Park\n7313 Example Ave", "Dumpling Place"),
        ("12 Main Street\nTel 555-0142\nOLD MILL BAKERY LTD", "OLD MILL BAKERY LTD"),
        ("MUTIARA TRADING SDN BHD (123456-K)\nJALAN KENARI", "MUTIARA TRADING SDN BHD"),
        ("HENRY &\nDAUGHTERS\n4 High Road, Leeds", "HENRY & DAUGHTERS"),
    ],
)
def test_branches_places_and_registrations_are_not_part_of_a_name(header: str, name: str) -> None:
    assert merchant(header) == name


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Wirtshaus Lindenhof\nInh. M. Gruber Gastro AG\nSeestrasse 3", "Wirtshaus Lindenhof"),
        ("GOLDEN WOK\n(Unit of Cahaya Foods Pte Ltd)\n12 Beach Road", "GOLDEN WOK"),
        ("MARKET POLNA SA\n31-938 Kraków, ul. Lipowa 3", "MARKET POLNA SA"),
    ],
)
def test_the_shop_is_named_rather_than_its_owner_or_street(header: str, name: str) -> None:
    assert merchant(header) == name


@pytest.mark.parametrize(
    "name", ["MARKET POLNA Sp. z o.o.", "Cvetličarna d.o.o.", "EL OMBU S.R.L."]
)
def test_a_legal_form_keeps_its_full_stop(name: str) -> None:
    assert merchant(f"{name}\nTel 555 0142") == name


def assert_no_sure_name(text: str) -> None:
    named = read(text).merchant
    assert named is None or named.confidence < 0.6


@pytest.mark.parametrize(
    "text",
    [
        "OAT MILK 1L       25.95\nRYE BREAD         12.00\nTOTAL             37.95",
        "Terminal: POS 4\nOAT MILK 1L       25.95\nTOTAL             25.95",
        "*** COPY ***\nOAT MILK 1L       25.95\nTOTAL             25.95",
    ],
)
def test_a_line_with_a_price_or_a_label_is_no_name(text: str) -> None:
    assert_no_sure_name(text)


@pytest.mark.parametrize(
    "text",
    [
        "1 OOLONG TEA M    24,000\n2 RICE CRACKERS   18,000\nTOTAL    42,000\nCASH    50,000",
        "PEACH CREAM TART\n  2 x 31.000      62.000\nTOTAL           62.000\nTUNAI    70.000",
        "Artigo          Preco\nSABONETE AZUL     3,20\nTOTAL A PAGAR     3,20",
        "03/02/2024 18:20\nBLUE SOAP BAR      3.20\nRYE CRISPS         1.80\nTOTAL      5.00",
    ],
)
def test_a_receipt_whose_header_is_cut_off_is_not_surely_of_its_first_line(text: str) -> None:
    assert_no_sure_name(text)


@pytest.mark.parametrize(
    "customer",
    [
        "Nome: CASA MELRO LDA",
        "Customer: Casa Melro Ltd",
        "Kunde: Casa Melro GmbH",
        "Nabywca: CASA MELRO",
    ],
)
def test_the_customer_is_not_the_shop(customer: str) -> None:
    header = f"Papelaria Girassol\nRua das Flores 12\n1200-100 Lisboa\nNIF: 512 345 678\n{customer}"
    assert merchant(header) == "Papelaria Girassol"


@pytest.mark.parametrize("name", ["H&M", "B & Q"])
def test_two_initials_are_a_name(name: str) -> None:
    assert merchant(f"{name}\n12 Main Street\nLeeds LS1 4AP") == name


def test_a_chain_is_less_sure_where_the_likeliest_line_names_another_shop() -> None:
    sure = read("Lidl\nHauptstr. 1\n10115 Berlin" + REST).merchant
    elsewhere = read("SONNENHOF\nHauptstr. 1\n10115 Berlin\nwww.lidl.de" + REST).merchant
    assert sure is not None
    assert elsewhere is not None
    assert (sure.name, elsewhere.name) == ("Lidl", "Lidl")
    assert elsewhere.confidence < 0.9 < sure.confidence


@pytest.mark.parametrize(
    ("address", "sites"),
    [
        ("Mail: info@green-hill.com", ("greenhill",)),
        ("www.greenhill.pt", ("greenhill",)),
        ("greenhill@gmail.com", ()),
    ],
)
def test_a_mail_address_is_a_shops_unless_its_provider_is_a_mail_service(
    address: str, sites: tuple[str, ...]
) -> None:
    assert sites_in(["GREEN HILL", address]) == sites


@pytest.mark.parametrize(
    "title",
    [
        *("FATURA/RECIBO N. 12", "Mesa 4", "Horário de funcionamento", "KVITTO 331", "Nyugta 0012"),
        *("=== ФИСКАЛНИ РАЧУН ===", "فاتورة ضريبية"),
        *("ใบเสร็จรับเงิน", "領収書", "חשבונית מס קבלה 12", "HÓA ĐƠN BÁN HÀNG"),
    ],
)
def test_a_documents_title_is_no_name(title: str) -> None:
    named = merchant(f"{title}\nSolar do Linho\nRua das Flores 12\n1200-100 Lisboa")
    assert named == "Solar do Linho"
