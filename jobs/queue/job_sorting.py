"""The orders of the operator's list of jobs; a page begins behind the last job of another."""

from enum import StrEnum
from typing import Any

from sqlalchemy import Column, ColumnElement, literal_column, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.storage.schema import jobs
from sidecar.core.errors import NotFound


class JobSort(StrEnum):
    """An order of jobs. Those without the value that it compares are left out."""

    NEWEST = "newest"
    OLDEST = "oldest"
    LONGEST = "longest"
    SHORTEST = "shortest"
    LEAST_SURE = "least_sure"
    SUREST = "surest"
    MERCHANT = "merchant"
    MERCHANT_REVERSED = "merchant_reversed"

    @property
    def column(self) -> Column[Any]:
        """The column that is compared first; the id is the second."""
        return jobs.c[_COLUMNS[self]]

    @property
    def descending(self) -> bool:
        """Whether the highest value comes first."""
        return self in (
            JobSort.NEWEST,
            JobSort.LONGEST,
            JobSort.SUREST,
            JobSort.MERCHANT_REVERSED,
        )

    def order(self, *columns: ColumnElement[Any]) -> list[ColumnElement[Any]]:
        """Return the columns for ORDER BY."""
        return [column.desc() if self.descending else column.asc() for column in columns]

    async def after(
        self, connection: AsyncConnection, job_id: str | None
    ) -> list[ColumnElement[bool]]:
        """Return the conditions of the rows behind a job; of all rows when it is None.

        Raises:
            NotFound: when the job is gone, or lost the value that is compared.
        """
        # Literal, so that the planner takes the partial index.
        known: list[ColumnElement[bool]] = []
        if self.column is not jobs.c.id:
            known.append(literal_column(f"{self.column} IS NOT NULL"))
        if job_id is None:
            return known
        last = await connection.scalar(select(self.column).where(jobs.c.id == job_id))
        if last is None:
            raise NotFound("The page before this one has changed; start from the first one.")
        if self.column is jobs.c.id:
            return [jobs.c.id < job_id if self.descending else jobs.c.id > job_id]
        place = tuple_(self.column, jobs.c.id)
        bound = tuple_(last, job_id)
        return [*known, place < bound if self.descending else place > bound]


_COLUMNS = {
    JobSort.NEWEST: "id",
    JobSort.OLDEST: "id",
    JobSort.LONGEST: "run_ms",
    JobSort.SHORTEST: "run_ms",
    JobSort.LEAST_SURE: "confidence",
    JobSort.SUREST: "confidence",
    JobSort.MERCHANT: "merchant",
    JobSort.MERCHANT_REVERSED: "merchant",
}
