"""Leases: what one process at a time may do, as a row that says who and until when."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection, or_

from jobs.storage.database import Database
from jobs.storage.schema import leases


class Lease:
    """One thing that one holder at a time does."""

    def __init__(
        self,
        database: Database,
        name: str,
        *,
        holder: str,
        length: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        """`holder` tells this process from every other."""
        self._database = database
        self._name = name
        self._holder = holder
        self._length = length
        self._clock = clock
        self._renew_at: datetime | None = None

    async def hold(self) -> bool:
        """Takes the lease, or renews it where a third of it is over; False while another holds
        it.
        """
        now = self._clock()
        if self._renew_at is not None and now < self._renew_at:
            return True
        row = {"name": self._name, "holder": self._holder, "expires_at": now + self._length}

        def work(connection: Connection) -> bool:
            new = self._database.insert(leases).values(row)
            taken = connection.execute(
                new.on_conflict_do_update(
                    index_elements=["name"],
                    set_={"holder": new.excluded.holder, "expires_at": new.excluded.expires_at},
                    where=or_(leases.c.holder == self._holder, leases.c.expires_at < now),
                ).returning(leases.c.name)
            )
            return taken.first() is not None

        held = await self._database.write(work)
        self._renew_at = now + self._length / 3 if held else None
        return held

    async def release(self) -> None:
        """Lets the next one have it at once; nothing when another holds it."""
        self._renew_at = None

        def work(connection: Connection) -> None:
            connection.execute(
                leases.delete().where(leases.c.name == self._name, leases.c.holder == self._holder)
            )

        await self._database.write(work)
