"""The words receipts use, and what a line that holds them is for.

One table, most telling first: the first role that a line's words fit is its role. Words are
matched in upper case after the look-alikes of recognition are folded (0 to O, 1 and | to I), so
"T0TAL" is a total. English, Malay, German, French, Spanish, Italian, Dutch and Portuguese.
"""

import enum
import re
import unicodedata

from sidecar.text.taxonomy import label_key
from sidecar.text.taxonomy import vocabulary as groceries


class LineRole(enum.Enum):
    """What a printed line is for."""

    TAX_TABLE = "heading of the table that breaks the tax down"
    COLUMNS = "heading of the item columns"
    COUNT = "how many items"
    POINTS = "loyalty points: numbers that are no money"
    SAVINGS = "what was saved in all: already taken off"
    CHANGE = "money handed back"
    ROUNDING = "to the nearest coin"
    SUBTOTAL = "before tax or before rounding"
    TAX_BASE = "the amount that tax is on"
    TAX = "tax, added or included"
    SERVICE = "a charge on the sum"
    TIP = "a tip"
    DISCOUNT = "taken off"
    FORMER = "a price that is not asked, a weight that is not sold, or what is on a card"
    TOTAL = "what was to be paid"
    TENDERED = "money given"
    META = "about the shop, the till or the sale"


_TABLE: tuple[tuple[LineRole, str], ...] = (
    (
        LineRole.TAX_TABLE,
        r"(GST|VAT|TAX|SST|MWST|UST|TVA|IVA|BTW) ?(SUMMARY|ANALYSIS|BREAK ?DOWN|DETAILS?)\b"
        r"|\bSUMMARY\b|STEUERSATZ|TAX ?ANALYSIS|^(GST|VAT) ?-? ?(SUMM|RATE)|NETTO.*BRUTTO|BRUTTO.*NETTO"
        r"|\bRATE\b.*\b(NET|VAT|GST|TAX)\b|SETEMPAT",
    ),
    (
        LineRole.COLUMNS,
        r"\b(DESCRIPT\w*|DESC|ITEM\w*|ITEM\(S\)|CODE|PRODUCT|ARTIKEL|ARTICLE|ARTICULO|BEZEICHNUNG|DENOMINATION|PARTICULARS|DESCRIZIONE|DESCRIPCION|DESCRICAO|LIBELLE|BESKRIVNING|OMSCHRIJVING)\b.*"
        r"\b(QTY|QUANTITY|PRICE|AMOUNT|AMT|TOTAL|MENGE|PREIS|PRIX|U/?P|VALUE|RM|PREZZO|IMPORTE|VALOR|MONTANT|PRIS|SUMMA|BEDRAG)\b"
        r"|\b(QTY|QUANTITY|MENGE|QTE|ANZ)\b.*\b(DESCRIPT\w*|ITEM|PRICE|U\.?/?PRICE|AMOUNT|AMT|TOTAL|RM|ARTIKEL)\b"
        r"|^(U\.?/?PRICE|UNIT PRICE|PRICE|S/PRICE)\b.*\b(AMOUNT|AMT|TOTAL|DISC)",
    ),
    (
        LineRole.FORMER,
        r"\bREG(ULAR)?\.? ?(PRICE|RETAIL)\b|^REG\.? |\b(WAS|WERE)\b|\b(ORIG(INAL)?|NORMAL|LIST|FORMER|OLD|FULL)\.? ?PRICE\b|\bRRP\b|\bUVP\b|^STATT\b"
        r"|^REDUCED (FROM|TO)\b|NORMALPREIS|PRIX (NORMAL|INITIAL|BARRE)|^(TARE|TARA)\b|COMPARE AT|PRECIO ANTERIOR|^INSTEAD OF\b|PRICE REDUCED"
        r"|\bBALANCE (BEFORE|AFTER|B/?F|C/?F)\b(?! (DISC|ROUND))|\b(OPENING|CLOSING|PREVIOUS|REMAINING|CARD) BALANCE\b",
    ),
    (
        LineRole.COUNT,
        r"\b(NO|NUMBER|TOTAL|TOT|TTL)\.? ?(OF )?(THE )?(ITEMS?|QTYS?|QUANTITY|PCS|PIECES|UNITS|ARTICLES|LINES?)"
        r"(\(S\))?\b(?! ?(PRICE|DISC|AMOUNT|AMT|SALES?|INCL|EXCL))"
        r"|^#? ?(ITEMS?|QTY|QTYS|QUANTITY|ARTICLES|ARTIKEL|POSTEN)(\(S\))? ?(COUNT|SOLD|PURCHASED)?\b ?[:=# ] ?\d*$"
        r"|ITEMS? (COUNT|SOLD|PURCHASED)|ITEM COUNT|^\d+ (ITEMS?|ARTICLES?|ARTIKEL|ARTICULOS?)\b|^BALANCE (TO PAY )?\d+ ITEMS",
    ),
    (
        LineRole.POINTS,
        r"\bPOINTS?\b|\bPTS\b|PUNKTE|LOYALTY|\bPUNTOS|NECTAR|CLUBCARD|BONUSLINK|BONUSKAART|REWARDS?\b(?!.*DISC)|STAMPS",
    ),
    (
        LineRole.SAVINGS,
        r"\bYOU (HAVE )?SAVED?\b|\bSAVED\b|\bSAVINGS?$|\b(TOTAL|YOUR|TODAY.?S) ?SAVINGS?\b|SAVINGS? (FOR )?TODAY|^SAVINGS\b|SIE SPAREN"
        r"|TOTAL DISCOUNTS? ?(GIVEN|RECEIVED)|ERSPARNIS",
    ),
    (
        LineRole.CHANGE,
        r"\bCHANGE\b|\bCHANG[E ]|\bCHARGE DUE\b|\bR(UE|U)CKGELD|ZUR(UE|U)CK|WECHSELGELD|\bRENDU\b|\bMONNAIE\b|\bCAMBIO\b"
        r"|\bRESTO\b|\bBAKI\b|WISSELGELD|\bTROCO\b|CASH ?BACK|\bTERUG\b",
    ),
    (
        LineRole.TOTAL,
        r"\b(ROUNDED|NET|NETT|GRAND|FINAL) ?TOTAL|TOTAL ?(AMT|AMOUNT|SALES?)? ?(AFTER )?ROUNDED|AFTER ROUND|TOTAL ?AFTER|ROUND\w* ?TOTAL|TOTAL ROUND",
    ),
    (
        LineRole.ROUNDING,
        r"\bROUND\w* ?(ADJ\w*|AMT|AMOUNT|DIFF\w*|OFF)|\bRND ?ADJ|^ROUND(ING|)?\b(?!.*TOTAL)|\bROUNDING\b(?!.*TOTAL)"
        r"|ROUR? ?DING|RUNDUNG|ARRONDI|PELARASAN|BILL ROUND|PENGGENAPAN|ADJUSTMENT",
    ),
    (
        LineRole.SUBTOTAL,
        r"\bS(UB|U8|VB|UD) ?[-.:_]? ?(TOTAL|TTL|TOT)|ZWISCHENSUMME|WARENWERT|VALISUMMA|DELSUMMA|SOUS ?-?TOTAL|SUBTOTAAL|TOTAL (PARCIAL|HT)\b"
        r"|\b(TOTAL|AMOUNT|SALES?|AMT) ?\(?(SALES? |AMOUNT |AMT )?\(?(EXCL?|EXCLUDING|EXCLUSIVE|BEFORE|W/O|WITHOUT)\b"
        r"|\bEX[CE]L?\w*\.? ?(OF )?(GST|TAX|VAT|SST)\b|\bTOTAL EXEL|NETT? ?(OF|TOTAL EX) ?TAX|^GROSS\b|TOTAL BEFORE"
        r"|\bNETT? SALES?\b|\bSUB\b|IMPONIBILE|TOTAL SALES? ?\(?EXC|^NETTO\b|MERCHANDISE|TOTAL ?EXCL",
    ),
    (
        LineRole.TAX_BASE,
        r"TAXABLE|\bTAX AMT ?\(|\bGST TA AMT|TAX(ABLE)? ?(BASE|SALES)|^(SR|ZR|ZRL|OS|ES) ?[=(@×X]"
        r"|ZERO[- ]RATED|STANDARD[- ]RATED|^NON[- ]?TAX",
    ),
    (
        LineRole.DISCOUNT,
        r"\bDISC\w*\b|\bCOUPON|\bE?CPN\b|\bVOUCHER|\bRABATT|\bREMISE|\bDESCUENTO|\bSCONTO|KORTING|\bPROMO\w*\b|\bLESS\b|\bMARK ?DOWN"
        r"|\bREDUCED|MULTI ?BUY|MULTI ?SAVE|\bSAVING\b|\bMEMBER (PRICE|SAV)|NACHLASS|\bOFFER\b|\bBOGO|PRICE CUT|AKTION"
        r"|\bSAVE\b|\bDESCONTO|\bREBATE|ALENNUS|\bRABAT\b|\bOPUST\b",
    ),
    (
        LineRole.TOTAL,
        r"\b(TOTAL|T0TAL|TOTA1|TOTAI|OTAL|FOTAL|TOTL|TOTAAL|TOTALE)\b.*\b(INCL?\w*|WITH|NCLUSIVE|ICLUSIVE|INCLUSIVE|TTC|IVA INC)"
        r"|AMOUNT ?\(?(INCL|INC)|ANOUNT INCL",
    ),
    (
        LineRole.TAX,
        r"\b(GST|VAT|SST|HST|PST|QST|TVA|IVA|BTW|MWST|UST|SALES TAX|TAX|TAXES|CUKAI|STEUER|MVA|MOMS|IGIC|TPS|TVQ|ALV|PTU|DPH)\b"
        r"(?!.*\b(INVOICE|ID|REG\w*|NO|NUMBER|NR|TOTAL (SALE|AMO)\w*)\b)|TAX\d?\b ?\(?\d",
    ),
    (
        LineRole.SERVICE,
        r"\bSERV\w*\.? ?(CHG|CHARGE|CHRG|TAX)|\bSRV ?CHG|\bSVC ?(CHG|CHARGE)|SERVICE ?CHARGE|^SERVICE\b|\bS/?CHARGE|DELIVERY (FEE|CHARGE)"
        r"|\bBAG (FEE|CHARGE)",
    ),
    (LineRole.TIP, r"^TIP\b|\bGRATUITY|TRINKGELD|POURBOIRE|\bPROPINA"),
    (
        LineRole.TOTAL,
        r"\b(TOTAL|TOTA[1IL]|OTAL|FOTAL|TOTAAL|TOTALE|TOTL|JUMLAH|SUMME|GESAMT\w*|GESAMTBETRAG|YHTEENSA|SUMA|RAZEM|DO ZAPLATY|CELKEM|ENDBETRAG|ZU ZAHLEN|ATT BETALA|AT BETALE|BETALAT|TOTALT|I ALT|SUMMA|A PAYER|NET A PAYER"
        r"|IMPORTE|TE BETALEN|AMOUNT DUE|BALANCE DUE|BALANCE TO PAY|AMOUNT PAYABLE|TO PAY|DUE|IMPORTO|MONTANT|BETRAG|AMT DUE)\b"
        r"|AMOUNT TO (BE )?PA(Y|ID)|^AMOUNT\b|^NETT?\b|^BALANCE\b|^TTL\b",
    ),
    (
        LineRole.TENDERED,
        r"^\W*(PAY|CASH|CARD|CREDIT|MASTER|BAR|BARGELD|EC|EC-\w+|CB|PIN|PAID|PAYMENT|RECEIVED|KARTE|KARTENZAHLUNG|GIROCARD|GEG\.?|GEGEBEN|ESPECES"
        r"|CARTE|EFECTIVO|TARJETA|CONTANTE\w*|CONTANTI|MAESTRO|TUNAI|BANKCARD|APPLE PAY|GOOGLE PAY|CHEQUE|EFTPOS|CONTACTLESS|E-?WALLET|TOUCH ?N ?GO"
        r"|DINHEIRO|CARTAO|KORTTI|KORT|KATEINEN|GOTOWKA|KARTA|DANKORT|BIZUM|KONTANT|DISCOVER|EBT|GIFT CARD)\b"
        r"|\b(CASH|VISA|MASTER ?CARD|AMEX|DEBIT|CREDIT CARD|TENDER\w*|AMOUNT PAID|EC-KARTE|GEGEBEN)\b",
    ),
)  # fmt: skip
_ROLES = tuple((role, re.compile(pattern)) for role, pattern in _TABLE)

_COLUMN_WORDS = re.compile(
    r"(RM|CODE|TAX|QTY|QUANTITY|AMT|AMOUNT|U?/?PRICE|S/PRICE|TOTAL|DISC|U/P|U\.PRICE|DESC\w*|ITEMS?|GST|NO|EUR|USD|MYR|UNIT|INCL?|[/&.()#]|\W+)+"
)

_META = re.compile(
    r"\b(TEL|FAX|PHONE|TELEPHONE|WHATSAPPS?|E-?MAIL|WEBSITE|WWW|HTTPS?|INVOICE|INV|BILL ?(NO|#)|RECEIPT ?(NO|#|:)|DOC(UMENT)? ?NO"
    r"|CASHIER|OPERATOR|GST ?(NO|ID|REG)|VAT ?(NO|REG)|CO\.? ?(REG|NO)|ROC|BRN|SALES ?PERSON|THANK|PLEASE|WELCOME|RETURNABLE|REFUNDABLE"
    r"|APPROVAL|AUTH|TRACE|CARD NO|AID|UHRZEIT|BEDIENER|JALAN|JLN|TAMAN)\b|\w@\w+\.|\.COM\b|CASHIER|INVOICE"
    r"|^\W*(DATE|DATUM|TIME|MOBILE|SERVER|SERVED|STAFF|TABLE|TBL\d*|PAX|TERMINAL|COUNTER|TILL|REG(ISTER)?|TRANS?(ACTION)?|MEMBER|ORDER|CHK|CHECK"
    r"|GUESTS?|COMPANY|STORE|LANE|POS\d*|REF|SHIFT|CUSTOMER|EXCHANGE\w*|BATCH|BON|KASSE|USER|CLERK|HOST|VEHICLE|TICKET|ENTRY|PRINTED|OPEN(ED)?"
    r"|CLOSED?|ROOM|LOCATION|DOC)\b"
    r"|\b(DATE|TIME|TABLE|PAX|MEMBER|ORDER|CHECK|GUESTS?|STORE|POS|REF|CUSTOMER|TICKET|SHIFT|TERMINAL|COUNTER|TILL|STAFF|SERVER) ?(NO|NR)?\.? ?[:#]",
)

_FOLD = str.maketrans({"0": "O", "1": "I", "|": "I", "!": "I", "5": "S", "8": "B"})


def fold(text: str) -> str:
    """Upper case without accents, look-alike digits inside words made letters, spaces evened."""
    words = plain_of(text).split()
    return " ".join(word.translate(_FOLD) if _mostly_letters(word) else word for word in words)


def plain_of(text: str) -> str:
    """Upper case without accents."""
    plain = unicodedata.normalize("NFKD", text.upper().replace("ß", "SS"))
    return "".join(char for char in plain if not unicodedata.combining(char))


def role_of(label: str) -> LineRole | None:
    """The role of a line by its words (amounts left out), or None: an item, a name, an address."""
    folded = _respelled(fold(label)).lstrip("*-=#. ")
    if _is_heading(folded):
        return LineRole.COLUMNS
    for role, pattern in _ROLES:
        if pattern.search(folded):
            return role
    return LineRole.META if _META.search(folded) else None


_CONFUSED = str.maketrans(
    {
        **dict.fromkeys("I1LTJ|!", "I"),
        **dict.fromkeys("O0DQUCG", "O"),
        **dict.fromkeys("S5B8", "S"),
        **dict.fromkeys("EF", "E"),
        **dict.fromkeys("KXRH", "K"),
        **dict.fromkeys("MNW", "N"),
        **dict.fromkeys("VY", "V"),
    }
)
"""Letters that faded print makes one of: words are compared after all of a class are the same."""
_RESPELLED = {
    word.translate(_CONFUSED): word
    for word in [
        "SUBTOTAL",
        "SUB-TOTAL",
        "TOTAL",
        "ROUNDING",
        "CHANGE",
        "DISCOUNT",
        "RECEIPT",
        "INVOICE",
        "CASHIER",
        "SUMMARY",
        "AMOUNT",
        "TENDERED",
        "ADJUSTMENT",
        "SERVICE",
        "INCLUSIVE",
        "INCL",
        "EXCLUDING",
        "DESCRIPTION",
        "SAVINGS",
        "POINTS",
        "SUMME",
        "GESAMT",
    ]
}


def lookalike(letters: str) -> str:
    """Capitals with those made one that print, faded or as a logo, does not tell apart."""
    return letters.translate(_CONFUSED)


def _respelled(folded: str) -> str:
    """The text with misread key words put right: SUBIUIAL is SUBTOTAL. What shops sell was not
    misread: ORANGE looks like CHANGE to faded print, but it is an orange.
    """

    def respell(match: re.Match[str]) -> str:
        word = match[0]
        key_word = _RESPELLED.get(word.translate(_CONFUSED))
        return word if key_word is None or label_key(word) in groceries() else key_word

    return re.sub(r"[^\s:()=]{5,}", respell, folded)


def _is_heading(folded: str) -> bool:
    """Two or more words that only head columns ("RM  Code", "(RM) (SR)"), and no others."""
    if re.fullmatch(r"(\([A-Z]{2,3}\) ?){2,}", folded):
        return True
    words = re.findall(r"[A-Z/]{2,}", folded)
    alone = len(words) == 1 and folded.strip("() ") in {
        "RM",
        "EUR",
        "USD",
        "GBP",
        "EURO",
        "CHF",
        "SEK",
        "DKK",
        "NOK",
        "PLN",
    }
    return (
        (len(words) >= 2 or alone)
        and all(_COLUMN_WORDS.fullmatch(word) for word in words)
        and not folded.startswith(("TOTAL", "TAX", "AMOUNT", "GST", "NO", "INCL"))
    )


def _mostly_letters(word: str) -> bool:
    letters = sum(char.isalpha() for char in word)
    return letters * 2 > len(word) and letters >= 2
