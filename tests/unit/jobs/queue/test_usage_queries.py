"""Each tenant's use, on both databases."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from jobs.queue.usage_queries import MAX_DAILY, UsageQueries
from jobs.storage.artifacts import Artifact, insert_artifact
from jobs.storage.database import Database
from sidecar.core.ids import new_id

NOW = datetime(2026, 1, 10, 12, 0, tzinfo=UTC)


def artifact(tenant: str, at: datetime, tokens: tuple[int, int] | None = None) -> Artifact:
    usage = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1]} if tokens else None
    return Artifact(
        id=new_id("art_", at),
        tenant_id=tenant,
        user_id=None,
        feature="chat_completion" if tokens else "search",
        request_id="r",
        job_id=None,
        success=True,
        input_payload={},
        output_payload={"usage": usage, "messages": ["\0"]} if tokens else {"results": []},
        error_code=None,
        error_message=None,
        model_id="m",
        model_version="1",
        latency_ms=1.0,
        created_at=at,
    )


async def store(database: Database, *rows: Artifact) -> None:
    def work(connection: Connection) -> None:
        for row in rows:
            insert_artifact(connection, row)

    await database.write(work)


async def test_results_are_counted_by_tenant_and_by_day(database: Database) -> None:
    await store(
        database,
        artifact("a", NOW),
        artifact("a", NOW - timedelta(hours=12), (100, 20)),  # midnight belongs to the day
        artifact("a", NOW - timedelta(hours=12, milliseconds=1), (10, 2)),
        artifact("a", NOW - timedelta(days=2, hours=13), (7000, 7000)),  # too old
        artifact("b", NOW - timedelta(days=2)),
    )
    usage = await UsageQueries(database).usage(NOW, 3)
    assert [(one.tenant_id, one.results) for one in usage.tenants] == [("a", 3), ("b", 1)]
    [first, second] = usage.tenants
    assert (first.prompt_tokens, first.completion_tokens) == (110, 22)
    assert (second.prompt_tokens, second.completion_tokens) == (0, 0)
    assert first.daily == [0, 1, 2]
    assert second.daily == [1, 0, 0]
    assert usage.daily == [1, 1, 2]
    assert usage.tenant_count == 2


async def test_only_the_busiest_tenants_have_their_days(database: Database) -> None:
    rows = [artifact(f"t{n}", NOW) for n in range(MAX_DAILY + 2) for _ in range(n + 1)]
    await store(database, *rows)
    usage = await UsageQueries(database).usage(NOW, 2)
    assert [bool(one.daily) for one in usage.tenants] == [True] * MAX_DAILY + [False] * 2
    assert usage.daily == [0, len(rows)]
