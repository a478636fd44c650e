"""Thirteen invented shops, each printing a random basket in the layout of its country's tills.

A shop is a function from a random source to a `Printed`: the lines of the receipt on a character
grid, and its label. All names are made up.
"""

import random
from collections.abc import Callable

from tests.corpus.shops import continent, cyrillic, isles, malaysia, us
from tests.corpus.till import Printed

Shop = Callable[[random.Random], Printed]

SHOPS: tuple[Shop, ...] = (
    us.us_barcodes,
    us.us_savings,
    us.us_diner,
    isles.uk_supermarket,
    isles.uk_grocer,
    continent.german_market,
    continent.german_deposit,
    continent.french_market,
    continent.spanish_shop,
    malaysia.malay_columns,
    malaysia.malay_minimart,
    malaysia.malay_restaurant,
    isles.irish_pharmacy,
)

CYRILLIC_SHOPS: tuple[Shop, ...] = (
    cyrillic.russian_grocer,
    cyrillic.ukrainian_market,
    cyrillic.bulgarian_shop,
    cyrillic.serbian_shop,
)
"""Shops that print Cyrillic; of the fonts of draw.py, DejaVu's have it."""
