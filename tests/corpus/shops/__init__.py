"""Thirteen invented shops, each printing a random basket the way tills of its country do.

A shop is a function from a random source to a `Printed`: the lines of the receipt on a character
grid, and the label that a reader should come back with. All names are made up.
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
