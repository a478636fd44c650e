"""The schema. A change here needs a migration beside it (jobs/migrations)."""

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
    """A moment: only timezone-aware values get in, and UTC comes out.

    SQLite has no such type and keeps the text of the naive UTC time, which sorts by time.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a naive time can't be stored: {value!r}")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("tenant_id", String(200), nullable=False),
    Column("user_id", String(200)),
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
    # Counts the changes of status; jobs made before it was kept start at 1.
    Column("version", Integer, nullable=False, server_default="1"),
    Column("due_at", UtcDateTime, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Column("error_code", String(50)),
    Column("error_message", Text),
    Column("model_id", String(200)),
    Column("model_version", String(200)),
    Column("artifact_id", String(40)),
    Column("callback_url", String(2000)),
    # The blob that input_payload refers to, where an index finds it.
    Column("image_sha256", String(64)),
    Column("traceparent", String(55)),
    UniqueConstraint("tenant_id", "feature", "idempotency_key"),
    # The lease belongs to the running attempt and to nothing else.
    CheckConstraint(
        "(status = 'running') = (attempt_token IS NOT NULL AND lease_expires_at IS NOT NULL)",
        name="lease_iff_running",
    ),
    CheckConstraint("(status = 'succeeded') = (artifact_id IS NOT NULL)", name="result_iff_done"),
)
# The claim steps from tenant to tenant in this index and reads the head of each one's line alone,
# however many jobs there are.
Index(
    "ix_jobs_queued",
    jobs.c.priority,
    jobs.c.tenant_id,
    jobs.c.due_at,
    jobs.c.id,
    sqlite_where=text("status = 'queued'"),
    postgresql_where=text("status = 'queued'"),
)
Index(
    "ix_jobs_running",
    jobs.c.lease_expires_at,
    sqlite_where=text("status = 'running'"),
    postgresql_where=text("status = 'running'"),
)
Index("ix_jobs_tenant_id_id", jobs.c.tenant_id, jobs.c.id)
Index("ix_jobs_image_sha256", jobs.c.image_sha256, jobs.c.tenant_id)
# Together they page through any choice of tenant, feature and status, newest first, without a sort.
Index("ix_jobs_feature_status_id", jobs.c.feature, jobs.c.status, jobs.c.id)
Index(
    "ix_jobs_tenant_id_feature_status_id",
    jobs.c.tenant_id,
    jobs.c.feature,
    jobs.c.status,
    jobs.c.id,
)
# All that the statistics of ended jobs read, so that they need not visit the rows.
Index(
    "ix_jobs_ended",
    jobs.c.finished_at,
    jobs.c.feature,
    jobs.c.status,
    jobs.c.created_at,
    jobs.c.started_at,
    sqlite_where=text("finished_at IS NOT NULL"),
    postgresql_where=text("finished_at IS NOT NULL"),
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
    Column("error_message", Text),
)

# What tells that two of a tenant's jobs are about the same thing, of the jobs that succeeded.
marks = Table(
    "marks",
    metadata,
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("mark", String(200), primary_key=True),
    Column("tenant_id", String(200), nullable=False),
)
Index("ix_marks_tenant_id_mark", marks.c.tenant_id, marks.c.mark)

# Every change of a job's status, written in the transaction that made it.
job_events = Table(
    "job_events",
    metadata,
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("status", String(10), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("progress", Float, nullable=False),
    Column("error_code", String(50)),
    Column("error_message", Text),
    Column("created_at", UtcDateTime, nullable=False),
)

# The outbox: calls to the callback_url of jobs that have ended, until they are delivered.
webhooks = Table(
    "webhooks",
    metadata,
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("tenant_id", String(200), nullable=False),
    Column("url", String(2000), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),  # delivered, or given up
    Column("delivered", Boolean(create_constraint=False), nullable=False),
    Column("error_message", Text),
)
# As of the jobs: whoever has thousands of calls that fail holds up nobody else's.
Index(
    "ix_webhooks_waiting",
    webhooks.c.tenant_id,
    webhooks.c.due_at,
    sqlite_where=text("ended_at IS NULL"),
    postgresql_where=text("ended_at IS NULL"),
)

# What one process at a time may do: the holder's name, until when.
leases = Table(
    "leases",
    metadata,
    Column("name", String(50), primary_key=True),
    Column("holder", String(100), nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)

# The prunings that there were, with what each took away so far.
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
)

# Whose the bytes of one file are.
Index("ix_blobs_sha256", blobs.c.sha256)

artifacts = Table(
    "artifacts",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("tenant_id", String(200), nullable=False),
    Column("user_id", String(200)),
    Column("feature", String(50), nullable=False),
    Column("request_id", String(200), nullable=False),
    Column("job_id", String(40)),
    Column("success", Boolean(create_constraint=False), nullable=False),
    Column("input_payload", JSON, nullable=False),
    Column("output_payload", JSON(none_as_null=True)),
    Column("error_code", String(50)),
    Column("error_message", Text),
    Column("model_id", String(200)),
    Column("model_version", String(200)),
    Column("latency_ms", Float, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("image_sha256", String(64)),
)
Index("ix_artifacts_image_sha256", artifacts.c.image_sha256, artifacts.c.tenant_id)
Index("ix_artifacts_tenant_id_id", artifacts.c.tenant_id, artifacts.c.id)
Index("ix_artifacts_tenant_id_request_id", artifacts.c.tenant_id, artifacts.c.request_id)
Index("ix_artifacts_job_id", artifacts.c.job_id)
Index("ix_artifacts_feature_success_id", artifacts.c.feature, artifacts.c.success, artifacts.c.id)

feedback = Table(
    "feedback",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("tenant_id", String(200), nullable=False),
    Column("user_id", String(200)),
    Column("rating", String(20), nullable=False),
    Column("note", Text),
    Column("artifact_id", String(40)),
    Column("job_id", String(40)),
    Column("correction", JSON(none_as_null=True)),
    Column("created_at", UtcDateTime, nullable=False),
)
Index("ix_feedback_tenant_id_id", feedback.c.tenant_id, feedback.c.id)
Index("ix_feedback_job_id", feedback.c.job_id)

# What feedback taught, one row for each name that a tenant has settled. It outlives the feedback.
corrections = Table(
    "corrections",
    metadata,
    Column("tenant_id", String(200), primary_key=True),
    Column("kind", String(10), primary_key=True),
    Column("key", String(500), primary_key=True),
    Column("name", String(500), nullable=False),
    Column("value", String(200), nullable=False),
    Column("feedback_id", String(40), nullable=False),
)

# Changes with each correction of the tenant, in the same transaction: who has read a tenant's
# corrections under this version need not read them again.
correction_versions = Table(
    "correction_versions",
    metadata,
    Column("tenant_id", String(200), primary_key=True),
    Column("version", String(40), nullable=False),
)
