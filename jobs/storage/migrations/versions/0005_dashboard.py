"""Indexes for the dashboard: filtered jobs, statistics of finished jobs, and feedback."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_jobs_feature_status_id", "jobs", ["feature", "status", "id"])
    op.create_index(
        "ix_jobs_tenant_id_feature_status_id", "jobs", ["tenant_id", "feature", "status", "id"]
    )
    op.create_index(
        "ix_jobs_ended",
        "jobs",
        ["finished_at", "feature", "status", "created_at", "started_at"],
        sqlite_where=sa.text("finished_at IS NOT NULL"),
        postgresql_where=sa.text("finished_at IS NOT NULL"),
    )
    op.create_index("ix_artifacts_feature_success_id", "artifacts", ["feature", "success", "id"])
    op.create_index("ix_feedback_job_id", "feedback", ["job_id"])
