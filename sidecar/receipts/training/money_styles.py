"""Ways in which receipts write amounts, for made-up and varied receipts."""

import random
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class MoneyStyle:
    """How one receipt writes its amounts."""

    decimals: int
    mark: str
    grouping: str
    prefix: str = ""
    suffix: str = ""
    sign: str = "before"
    """Where a minus stands: before, behind, brackets."""
    bare_zero: bool = True
    """Whether 0,70 has its zero."""

    def write(self, value: Decimal, *, plain: bool = False) -> str:
        """Write an amount; `plain` leaves out prefix and suffix."""
        digits = f"{abs(value):,.{self.decimals}f}"
        whole, _, cents = digits.partition(".")
        whole = whole.replace(",", self.grouping)
        if not self.bare_zero and whole == "0" and cents:
            whole = ""
        text = whole + (self.mark + cents if cents else "")
        if not plain:
            text = f"{self.prefix}{text}{self.suffix}"
        if value >= 0:
            return text
        return {"before": f"-{text}", "behind": f"{text}-", "brackets": f"({text})"}[self.sign]


def random_style(rng: random.Random) -> MoneyStyle:
    """Draw a style; most of the world writes two decimals."""
    decimals = rng.choices((2, 0, 3), (70, 28, 2))[0]
    mark = rng.choice(".,")
    grouping = rng.choice({".": [",", ",", "", "'", " "], ",": [".", ".", "", " "]}[mark])
    if decimals == 0:
        grouping = rng.choice([",", ".", ".", ",", ""])
    if decimals == 3:
        grouping = ""
    return MoneyStyle(
        decimals,
        mark,
        grouping,
        rng.choices(
            ("", "*", "$", "€", "RM", "Rp ", "¥", "R$ ", "£", "Rp", "₺"),
            (60, 6, 8, 3, 4, 3, 4, 2, 3, 2, 2),
        )[0],
        rng.choices(
            (
                "",
                " A",
                " B",
                "*A",
                " €",
                "€",
                " kr",
                " EUR",
                "A",
                " SR",
                "-",
                " T",
                " zł",
                " Kč",
                " lei",
                ",-",
            ),
            (60, 6, 4, 2, 4, 3, 3, 3, 2, 2, 1, 3, 2, 1, 1, 1),
        )[0],
        rng.choices(("before", "behind", "brackets"), (75, 18, 7))[0],
        rng.random() > 0.06,
    )
