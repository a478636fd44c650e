"""Paused queues, and what the operator's list of jobs is sorted by."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "paused_queues",
        sa.Column("feature", sa.String(length=50), nullable=False),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.PrimaryKeyConstraint("feature", name=op.f("pk_paused_queues")),
    )
    op.add_column("jobs", sa.Column("confidence", sa.Float(), nullable=True))
    op.add_column("jobs", sa.Column("run_ms", sa.BigInteger(), nullable=True))
    for column in ("confidence", "run_ms"):
        known = sa.text(f"{column} IS NOT NULL")
        op.create_index(
            f"ix_jobs_{column}",
            "jobs",
            [column, "id"],
            unique=False,
            sqlite_where=known,
            postgresql_where=known,
        )
