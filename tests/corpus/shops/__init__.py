"""Thirteen invented shops, each printing a random basket in the layout of its country's tills.

A shop is a function from a random source to a `Printed`: the lines of the receipt on a character
grid, and its label. All names are made up.
"""

import random
from collections.abc import Callable

from tests.corpus.shops import continent, isles, malaysia, us
from tests.corpus.till import Printed

SHOPS: tuple[Callable[[random.Random], Printed], ...] = (
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
