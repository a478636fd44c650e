"""Identifiers: a prefix that says what the thing is, and a UUIDv7 that sorts by time."""

import secrets
from collections.abc import Callable
from datetime import datetime


def new_id(prefix: str, now: datetime, random_bits: Callable[[int], int] = secrets.randbits) -> str:
    """`prefix` plus 32 hex digits of a UUIDv7 (RFC 9562, section 5.7) for the moment `now`.

    The 12 bits of `rand_a` carry the fraction of the millisecond (method 3 of section 6.2), so that
    ids of one process sort by time below the millisecond as well.
    """
    microseconds = int(now.timestamp() * 1_000_000)
    milliseconds, fraction = divmod(microseconds, 1000)
    value = milliseconds << 80
    value |= 0x7 << 76
    value |= (fraction * 4096 // 1000) << 64
    value |= 0b10 << 62
    value |= random_bits(62)
    return f"{prefix}{value:032x}"


def id_lower_bound(prefix: str, moment: datetime) -> str:
    """No id of that kind made at `moment` or later sorts below this one, and none made before it
    sorts above; to the millisecond.
    """
    return f"{prefix}{int(moment.timestamp() * 1000):012x}"
