"""Pages of lists: by offset, or by a cursor, which no new row shifts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol, TypeVar

from fastapi import Depends, Query, Request

from deployments.ingress.unknown_fields import refuse_unknown_parameters
from sidecar.core.errors import BadRequest


class _HasId(Protocol):
    @property
    def id(self) -> str: ...


RowT = TypeVar("RowT", bound=_HasId)


@dataclass(frozen=True)
class Page:
    """The page of a list that a request asks for."""

    limit: int
    offset: int
    cursor: str | None

    @property
    def rows(self) -> int:
        """Rows to read: one more than the page has, which tells whether another page follows."""
        return self.limit + 1

    def cut(self, rows: Sequence[RowT]) -> tuple[Sequence[RowT], str | None]:
        """Return the page's rows and the cursor of the next page; None on the last one."""
        page = rows[: self.limit]
        return page, page[-1].id if len(rows) > self.limit else None


async def _page_of(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
    cursor: Annotated[
        str | None,
        Query(max_length=200, description="next_cursor of the page before, in place of offset."),
    ] = None,
) -> Page:
    refuse_unknown_parameters(request)
    if cursor is not None and offset:
        raise BadRequest("Send cursor or offset, not both.")
    return Page(limit, offset, cursor or None)


#: The page as a route parameter.
PageDep = Annotated[Page, Depends(_page_of)]
