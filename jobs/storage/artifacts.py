"""Artifacts: audit records of a model's input and output, one per response or finished job."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, Text, cast, func, insert, null, select

from jobs.storage.database import Database, tenant_filters
from jobs.storage.schema import artifacts
from sidecar.core.errors import NotFound

#: One object, so that SQLAlchemy finds its compiled form without inspecting every value.
_INSERT = insert(artifacts)


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """The audit record of one result."""

    id: str
    tenant_id: str
    user_id: str | None
    feature: str
    request_id: str
    job_id: str | None
    success: bool
    # JSON; images are references to blobs. In lists both are empty where they are large.
    input_payload: Mapping[str, Any]
    output_payload: Mapping[str, Any] | None  # JSON; None when it failed
    error_code: str | None
    error_message: str | None
    model_id: str | None
    model_version: str | None
    latency_ms: float  # from the request to the result, including queueing
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class StoredArtifact:
    """An artifact without its payloads, and these as JSON that nobody has to parse."""

    artifact: Artifact
    input_json: str | None  # None when it is empty
    output_json: str | None  # None when it failed


_PAYLOADS = ("input_payload", "output_payload")
_STORED: Select[Any] = select(
    *(column for column in artifacts.c if column.name not in _PAYLOADS),
    *(null().label(name) for name in _PAYLOADS),
    func.nullif(cast(artifacts.c.input_payload, Text), "{}").label("input_json"),
    cast(artifacts.c.output_payload, Text).label("output_json"),
)


@dataclass(frozen=True, kw_only=True)
class ArtifactFilter:
    """A filter on a tenant's artifacts; None matches every value."""

    feature: str | None = None
    success: bool | None = None
    job_id: str | None = None
    request_id: str | None = None


def insert_artifact(connection: Connection, artifact: Artifact) -> None:
    """Insert the artifact within the caller's transaction."""
    image = artifact.input_payload.get("image")
    connection.execute(
        _INSERT, {**vars(artifact), "image_sha256": image["sha256"] if image else None}
    )


class Artifacts:
    """The artifacts in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, artifact: Artifact) -> None:
        """Store the artifact; it is durable when this returns."""
        await self._database.write(lambda connection: insert_artifact(connection, artifact))

    async def get(self, tenant_id: str, artifact_id: str) -> Artifact:
        """Return the artifact. Raises NotFound when this tenant has no such artifact."""
        return artifact_from_row(await self._row(select(artifacts), tenant_id, artifact_id))

    async def stored(self, tenant_id: str, artifact_id: str) -> StoredArtifact:
        """Return the artifact with its payloads as they are stored.

        Parsing megabytes would hold up whatever else runs. Raises NotFound when this tenant has no
        such artifact.
        """
        row = await self._row(_STORED, tenant_id, artifact_id)
        return StoredArtifact(
            artifact=artifact_from_row(row), input_json=row.input_json, output_json=row.output_json
        )

    async def _row(self, columns: Select[Any], tenant_id: str, artifact_id: str) -> Row[Any]:
        async with self._database.read() as connection:
            rows = await connection.execute(
                columns.where(artifacts.c.tenant_id == tenant_id, artifacts.c.id == artifact_id)
            )
            row: Row[Any] | None = rows.one_or_none()
        if row is None:
            raise NotFound("There is no such artifact.")
        return row

    async def list(
        self,
        tenant_id: str,
        filter_: ArtifactFilter,
        *,
        limit: int,
        offset: int = 0,
        before: str | None = None,
    ) -> tuple[Sequence[Artifact], int]:
        """Return one page of the matches, newest first, and the number of all matches.

        With `before`, the page begins below that id.
        """
        where = tenant_filters(artifacts, tenant_id, asdict(filter_))
        rows, total = await self._database.page(
            artifacts, where, limit=limit, offset=offset, before=before
        )
        return [artifact_from_row(row) for row in rows], total

    async def export(
        self, tenant_id: str, filter_: ArtifactFilter, *, page: int = 200
    ) -> AsyncIterator[Artifact]:
        """Yield all matches, oldest first, with `page` of them in memory at a time."""
        where = tenant_filters(artifacts, tenant_id, asdict(filter_))
        async for row in self._database.iterate(artifacts, where, page=page):
            yield artifact_from_row(row)


def artifact_from_row(row: Row[Any]) -> Artifact:
    """Convert a row of the table."""
    values = {name: row._mapping[name] for name in Artifact.__dataclass_fields__}
    return Artifact(**{**values, "input_payload": row.input_payload or {}})
