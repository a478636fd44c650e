"""The kinds that the model tells apart."""

from enum import IntEnum


class Role(IntEnum):
    """What a token is."""

    OTHER = 0
    NAME = 1
    """A part of an item's name."""
    QUANTITY = 2
    UNIT_PRICE = 3
    ITEM = 4
    """The price of a whole line, before its discount."""
    DISCOUNT = 5
    SUBTOTAL = 6
    TAX = 7
    CHARGE = 8
    """Service, tip, delivery, rounding: what is added to the items."""
    TOTAL = 9
    PAID = 10
    """Cash given, or the payment by card."""
    CHANGE = 11


class LineClass(IntEnum):
    """What a line is to the items, or that it is the shop's name."""

    NONE = 0
    ITEM = 1
    NAME_ABOVE = 2
    """A name whose price follows below."""
    NAME_BELOW = 3
    """The rest of a name whose price stands above."""
    MERCHANT = 4
