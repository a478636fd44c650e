"""Leader election: leases in the database, so that one process at a time has a duty."""

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection, or_, update

from jobs.storage.database import Database
from jobs.storage.schema import leases


class LeaderLease:
    """A named lease, held by one process at a time until it expires or is released."""

    def __init__(
        self,
        database: Database,
        name: str,
        *,
        holder: str,
        length: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        """Create a handle on the lease; `holder` must be unique to this process."""
        self._database = database
        self._name = name
        self._holder = holder
        self._length = length
        self._clock = clock
        self._renew_at: datetime | None = None

    async def acquire(self) -> bool:
        """Acquire the lease, or renew it once a third of it has passed.

        Returns False while another process holds it.
        """
        now = self._clock()
        # A clock that was set back would put off the renewal, and keep the lease of the dead.
        if self._renew_at is not None and self._renew_at - self._length <= now < self._renew_at:
            return True
        row = {"name": self._name, "holder": self._holder, "expires_at": now + self._length}

        def upsert(connection: Connection) -> bool:
            too_long = (leases.c.name == self._name, leases.c.expires_at > now + self._length)
            connection.execute(
                update(leases).where(*too_long).values(expires_at=now + self._length)
            )
            statement = self._database.insert(leases).values(row)
            new = statement.excluded
            names = connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["name"],
                    set_={"holder": new.holder, "expires_at": new.expires_at},
                    where=or_(leases.c.holder == self._holder, leases.c.expires_at < now),
                ).returning(leases.c.name)
            )
            return names.first() is not None

        acquired = await self._database.write(upsert)
        self._renew_at = now + self._length / 3 if acquired else None
        return acquired

    async def release(self) -> None:
        """Release the lease at once; a no-op when another process holds it."""
        self._renew_at = None

        def delete(connection: Connection) -> None:
            connection.execute(
                leases.delete().where(leases.c.name == self._name, leases.c.holder == self._holder)
            )

        await self._database.write(delete)
