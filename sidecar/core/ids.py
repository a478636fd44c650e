"""Identifiers: a prefix for the kind of thing, and a UUIDv7, which sorts by time."""

import secrets
from collections.abc import Callable
from datetime import datetime


def new_id(prefix: str, now: datetime, random_bits: Callable[[int], int] = secrets.randbits) -> str:
    """Return `prefix` plus the 32 hex digits of a UUIDv7 (RFC 9562, section 5.7) of `now`.

    The 12 bits of `rand_a` hold the fraction of the millisecond (method 3 of section 6.2), so the
    ids of one process sort by time below the millisecond too.
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
    """Return a bound below ids created at `moment` or later and above earlier ones, to the ms."""
    return f"{prefix}{int(moment.timestamp() * 1000):012x}"
