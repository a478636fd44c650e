"""The receipts to review and summaries of receipts, over all tenants, for operators."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, select, text

from jobs.queue.job import Job
from jobs.queue.transitions import BRIEF_JOB_COLUMNS, job_from_row
from jobs.storage.database import Database
from jobs.storage.schema import artifacts, jobs

# With a literal, as that of the partial index.
_PENDING = text("review = 'pending'")


@dataclass(frozen=True, kw_only=True)
class ReceiptSummary:
    """What a list shows of a receipt."""

    merchant: str | None
    total: str | None  # with its currency
    date: str | None
    lines: int
    confidence: float | None
    matches_total: bool
    warnings: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class PlanSummary:
    """What a list shows of a plan."""

    status: str | None
    meals: int
    cost: str | None  # with its currency


class ReviewQueries:
    """Read-only queries of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def pending(self, tenant_id: str | None, *, limit: int) -> Sequence[Job]:
        """Return the jobs to review, the oldest first."""
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(*BRIEF_JOB_COLUMNS)
                .where(_PENDING, *_of(tenant_id))
                .order_by(jobs.c.id)
                .limit(limit)
            )
            return [job_from_row(row) for row in rows]

    async def count(self, tenant_id: str | None = None) -> int:
        """Return the number of jobs to review."""
        async with self._database.read() as connection:
            count = await connection.scalar(
                select(func.count()).select_from(jobs).where(_PENDING, *_of(tenant_id))
            )
            return count or 0

    async def neighbors(self, job_id: str, tenant_id: str | None) -> tuple[str | None, str | None]:
        """Return the ids of the jobs to review before and after a job.

        After the last one comes the first.
        """
        async with self._database.read() as connection:
            ids = select(jobs.c.id).where(_PENDING, *_of(tenant_id), jobs.c.id != job_id)
            before = await connection.scalar(
                ids.where(jobs.c.id < job_id).order_by(jobs.c.id.desc()).limit(1)
            )
            after = await connection.scalar(
                ids.where(jobs.c.id > job_id).order_by(jobs.c.id).limit(1)
            )
            if after is None:
                after = await connection.scalar(ids.order_by(jobs.c.id).limit(1))
        return before, after

    async def plans(self, of: Sequence[Job]) -> Mapping[str, PlanSummary]:
        """Return the summary of each of the jobs that planned meals, by its id."""
        outputs = await self._outputs(of, "meal_optimization", ("status", "metrics", "meal_plan"))
        return {
            job_id: PlanSummary(
                status=status,
                meals=len(meals or ()),
                cost=_cost((metrics or {}).get("cost")),
            )
            for job_id, (status, metrics, meals) in outputs.items()
        }

    async def summaries(self, of: Sequence[Job]) -> Mapping[str, ReceiptSummary]:
        """Return the summary of each of the jobs that read a receipt, by its id."""
        parts = ("fields", "overall_confidence", "checks", "line_items")
        outputs = await self._outputs(of, "receipt_extraction", parts)
        return {job_id: _summary(*output) for job_id, output in outputs.items()}

    async def _outputs(
        self, of: Sequence[Job], feature: str, parts: Sequence[str]
    ) -> Mapping[str, Sequence[Any]]:
        """Return these parts of the output of each of the jobs of a feature, by its id."""
        ids = [job.artifact_id for job in of if job.artifact_id]
        output = self._database.readable_json(artifacts.c.output_payload)
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(artifacts.c.job_id, *(output[part] for part in parts)).where(
                    artifacts.c.id.in_(ids), artifacts.c.feature == feature
                )
            )
            return {job_id: rest for job_id, *rest in rows}


def _summary(fields: Any, confidence: float | None, checks: Any, lines: Any) -> ReceiptSummary:
    fields, checks = fields or {}, checks or {}
    merchant, total, date = (fields.get(name) or {} for name in ("merchant", "total", "date"))
    return ReceiptSummary(
        merchant=merchant.get("name"),
        total=_amount(total),
        date=date.get("value"),
        lines=len(lines or ()),
        confidence=confidence,
        matches_total=bool(checks.get("matches_total")),
        warnings=checks.get("warnings") or (),
    )


def _amount(money: Any) -> str | None:
    if not isinstance(money, Mapping) or money.get("amount") is None:
        return None
    return " ".join(filter(None, (str(money["amount"]), money.get("currency"))))


def _cost(cost: Any) -> str | None:
    if not isinstance(cost, Mapping):
        return None
    return _amount({"amount": cost.get("total"), "currency": cost.get("currency")})


def _of(tenant_id: str | None) -> list[ColumnElement[bool]]:
    return [] if tenant_id is None else [jobs.c.tenant_id == tenant_id]
