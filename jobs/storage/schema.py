"""The database schema. Each change needs a migration in jobs/storage/migrations/versions."""

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time: accepts only timezone-aware values, and returns UTC.

    SQLite has no such type and stores the naive UTC time as text, which sorts by time.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a naive datetime can't be stored: {value!r}")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class PlainText(TypeDecorator[str]):
    """Text that people or models wrote: without NUL characters, which PostgreSQL can't store.

    Lone surrogates, which no UTF-8 has, become question marks.
    """

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        return value.replace("\0", "").encode(errors="replace").decode()


class LongPlainText(PlainText):
    """PlainText of any length."""

    impl = Text
    cache_ok = True


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _partial_index(name: str, *columns: str, where: str) -> Index:
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


jobs = Table(
    "jobs",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("tenant_id", String(200), nullable=False),
    Column("user_id", PlainText(200)),
    Column("feature", String(50), nullable=False),
    Column("status", String(10), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("request_id", String(200), nullable=False),
    Column("idempotency_key", String(200)),
    Column("fingerprint", String(64), nullable=False),
    Column("input_payload", JSON, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("max_attempts", Integer, nullable=False),
    Column("attempt_token", String(40)),
    Column("lease_expires_at", UtcDateTime),
    Column("progress", Float, nullable=False),
    Column("progress_detail", JSON(none_as_null=True)),
    # Counts the changes of status; jobs older than this column start at 1.
    Column("version", Integer, nullable=False, server_default="1"),
    Column("due_at", UtcDateTime, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Column("error_code", String(50)),
    Column("error_message", LongPlainText),
    Column("model_id", PlainText(200)),
    Column("model_version", PlainText(200)),
    Column("artifact_id", String(40)),
    Column("callback_url", String(2000)),
    # The blob that input_payload references, in a column that can be indexed.
    Column("image_sha256", String(64)),
    Column("traceparent", String(55)),
    Column("review", String(10)),
    # Of a receipt that was read: from 0 to 1.
    Column("confidence", Float),
    # Of a job that ended: milliseconds from the start of its first attempt to the end.
    Column("run_ms", BigInteger),
    # Of a receipt, without case. It is searched by its beginning, as a range of code points.
    Column("merchant", PlainText(200).with_variant(PlainText(200, collation="C"), "postgresql")),
    UniqueConstraint("tenant_id", "feature", "idempotency_key"),
    # Only a running attempt has a lease.
    CheckConstraint(
        "(status = 'running') = (attempt_token IS NOT NULL AND lease_expires_at IS NOT NULL)",
        name="lease_iff_running",
    ),
    CheckConstraint("(status = 'succeeded') = (artifact_id IS NOT NULL)", name="result_iff_done"),
    # A claim skips from tenant to tenant in this index and reads only the head of each tenant's
    # queue, regardless of the number of jobs.
    _partial_index(
        "ix_jobs_queued", "priority", "tenant_id", "due_at", "id", where="status = 'queued'"
    ),
    _partial_index("ix_jobs_review", "tenant_id", "id", where="review = 'pending'"),
    _partial_index("ix_jobs_running", "lease_expires_at", where="status = 'running'"),
    Index("ix_jobs_tenant_id_id", "tenant_id", "id"),
    Index("ix_jobs_request_id", "request_id"),
    _partial_index("ix_jobs_merchant", "merchant", "id", where="merchant IS NOT NULL"),
    _partial_index("ix_jobs_confidence", "confidence", "id", where="confidence IS NOT NULL"),
    _partial_index("ix_jobs_run_ms", "run_ms", "id", where="run_ms IS NOT NULL"),
    Index("ix_jobs_image_sha256", "image_sha256", "tenant_id"),
    # These two page through any filter by tenant, feature and status, newest first, without a sort.
    Index("ix_jobs_feature_status_id", "feature", "status", "id"),
    Index("ix_jobs_tenant_id_feature_status_id", "tenant_id", "feature", "status", "id"),
    # A covering index for the statistics of finished jobs.
    _partial_index(
        "ix_jobs_ended",
        "finished_at",
        "feature",
        "status",
        "created_at",
        "started_at",
        where="finished_at IS NOT NULL",
    ),
)

attempts = Table(
    "attempts",
    metadata,
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("runner", String(100), nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("outcome", String(10)),
    Column("error_code", String(50)),
    Column("error_message", LongPlainText),
)

# Queues of which no job is started until they are resumed.
paused_queues = Table(
    "paused_queues",
    metadata,
    Column("feature", String(50), primary_key=True),
    Column("paused_at", UtcDateTime, nullable=False),
    Column("reason", PlainText(500)),
)

# Deduplication keys of successful jobs.
marks = Table(
    "marks",
    metadata,
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("mark", PlainText(200), primary_key=True),
    Column("tenant_id", String(200), nullable=False),
    Index("ix_marks_tenant_id_mark", "tenant_id", "mark"),
)

# Every change of a job's status or review, inserted in the same transaction.
job_events = Table(
    "job_events",
    metadata,
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("status", String(10), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("progress", Float, nullable=False),
    Column("error_code", String(50)),
    Column("error_message", LongPlainText),
    Column("created_at", UtcDateTime, nullable=False),
    Column("review", String(10)),  # the new one; null for a change of status
)

# The outbox of calls to the callback_url of finished jobs.
webhooks = Table(
    "webhooks",
    metadata,
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("tenant_id", String(200), nullable=False),
    Column("url", String(2000), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),  # delivered or given up
    Column("delivered", Boolean(create_constraint=False), nullable=False),
    Column("response_status", Integer),  # of the last attempt
    Column("error_message", LongPlainText),
    Column("attempted_at", UtcDateTime),  # end of the last attempt
    # By tenant, like the jobs: one tenant's thousands of failing calls delay nobody else's.
    _partial_index("ix_webhooks_waiting", "tenant_id", "due_at", where="ended_at IS NULL"),
)

# Leader leases: the holder's name and the expiry.
leases = Table(
    "leases",
    metadata,
    Column("name", String(50), primary_key=True),
    Column("holder", String(100), nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)

# Retention runs, with the numbers of rows and files that each has deleted so far.
prunings = Table(
    "prunings",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("horizon", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    Column("jobs", Integer, nullable=False),
    Column("artifacts", Integer, nullable=False),
    Column("feedback", Integer, nullable=False),
    Column("blobs", Integer, nullable=False),
    Column("files", Integer, nullable=False),
    Column("freed_bytes", BigInteger, nullable=False),
)

blobs = Table(
    "blobs",
    metadata,
    Column("tenant_id", String(200), primary_key=True),
    Column("sha256", String(64), primary_key=True),
    Column("media_type", String(100), nullable=False),
    Column("size", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index("ix_blobs_sha256", "sha256"),  # finds the tenants of a file
)

artifacts = Table(
    "artifacts",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("tenant_id", String(200), nullable=False),
    Column("user_id", PlainText(200)),
    Column("feature", String(50), nullable=False),
    Column("request_id", String(200), nullable=False),
    Column("job_id", String(40)),
    Column("success", Boolean(create_constraint=False), nullable=False),
    Column("input_payload", JSON, nullable=False),
    Column("output_payload", JSON(none_as_null=True)),
    Column("error_code", String(50)),
    Column("error_message", LongPlainText),
    Column("model_id", PlainText(200)),
    Column("model_version", PlainText(200)),
    Column("latency_ms", Float, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("image_sha256", String(64)),
    Index("ix_artifacts_image_sha256", "image_sha256", "tenant_id"),
    Index("ix_artifacts_tenant_id_id", "tenant_id", "id"),
    Index("ix_artifacts_tenant_id_request_id", "tenant_id", "request_id"),
    Index("ix_artifacts_job_id", "job_id"),
    Index("ix_artifacts_feature_success_id", "feature", "success", "id"),
)

feedback = Table(
    "feedback",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("tenant_id", String(200), nullable=False),
    Column("user_id", PlainText(200)),
    Column("rating", String(20), nullable=False),
    Column("note", LongPlainText),
    Column("artifact_id", String(40)),
    Column("job_id", String(40)),
    Column("correction", JSON(none_as_null=True)),
    Column("created_at", UtcDateTime, nullable=False),
    Index("ix_feedback_tenant_id_id", "tenant_id", "id"),
    Index("ix_feedback_job_id", "job_id"),
)

# Corrections from feedback, one row per corrected name of a tenant. They outlive the feedback.
corrections = Table(
    "corrections",
    metadata,
    Column("tenant_id", String(200), primary_key=True),
    Column("kind", String(10), primary_key=True),
    Column("key", PlainText(500), primary_key=True),
    Column("name", PlainText(500), nullable=False),
    Column("value", PlainText(500), nullable=False),
    Column("feedback_id", String(40), nullable=False),
    Column("id", String(40)),
    Column("shop", PlainText(200)),
    Column("was", PlainText(500)),
    Column("receipts", Integer, nullable=False, server_default="0"),  # that it changed
    Index("ix_corrections_tenant_id_id", "tenant_id", "id"),
)

# Changes in the transaction of each correction, so a cache of a tenant's corrections is valid while
# this version is unchanged.
correction_versions = Table(
    "correction_versions",
    metadata,
    Column("tenant_id", String(200), primary_key=True),
    Column("version", String(40), nullable=False),
)
