"""A webhook queue per tenant; feedback expires by its id."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_webhooks_waiting", "webhooks")
    op.create_index(
        "ix_webhooks_waiting",
        "webhooks",
        ["tenant_id", "due_at"],
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.drop_index("ix_feedback_created_at", "feedback")
