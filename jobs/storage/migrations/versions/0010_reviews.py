"""Reviews of jobs, and what each correction is about."""

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("review", sa.String(length=10), nullable=True))
    merchant = sa.String(200).with_variant(sa.String(200, collation="C"), "postgresql")
    op.add_column("jobs", sa.Column("merchant", merchant, nullable=True))
    op.create_index("ix_jobs_request_id", "jobs", ["request_id"], unique=False)
    known = sa.text("merchant IS NOT NULL")
    op.create_index(
        "ix_jobs_merchant",
        "jobs",
        ["merchant", "id"],
        unique=False,
        sqlite_where=known,
        postgresql_where=known,
    )
    op.add_column("job_events", sa.Column("review", sa.String(length=10), nullable=True))
    pending = sa.text("review = 'pending'")
    op.create_index(
        "ix_jobs_review",
        "jobs",
        ["tenant_id", "id"],
        unique=False,
        sqlite_where=pending,
        postgresql_where=pending,
    )
    with op.batch_alter_table("corrections") as corrections:
        corrections.alter_column(
            "value", existing_type=sa.String(length=200), type_=sa.String(length=500)
        )
        corrections.add_column(sa.Column("id", sa.String(length=40), nullable=True))
        corrections.add_column(sa.Column("shop", sa.String(length=200), nullable=True))
        corrections.add_column(sa.Column("was", sa.String(length=500), nullable=True))
        corrections.add_column(
            sa.Column("receipts", sa.Integer(), server_default="0", nullable=False)
        )
    _name_corrections()
    op.create_index("ix_corrections_tenant_id_id", "corrections", ["tenant_id", "id"], unique=False)


def _name_corrections() -> None:
    table = sa.table(
        "corrections", sa.column("tenant_id"), sa.column("kind"), sa.column("key"), sa.column("id")
    )
    connection = op.get_bind()
    for row in connection.execute(sa.select(table.c.tenant_id, table.c.kind, table.c.key)).all():
        connection.execute(
            sa.update(table)
            .where(
                table.c.tenant_id == row.tenant_id,
                table.c.kind == row.kind,
                table.c.key == row.key,
            )
            .values(id=f"cor_{uuid.uuid4().hex}")
        )
