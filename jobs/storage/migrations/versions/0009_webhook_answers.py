"""What the receiver of a webhook answered last, and when."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("webhooks", sa.Column("response_status", sa.Integer(), nullable=True))
    op.add_column("webhooks", sa.Column("attempted_at", sa.DateTime(timezone=True), nullable=True))
