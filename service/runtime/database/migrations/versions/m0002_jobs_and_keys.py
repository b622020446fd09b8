"""The tables of jobs and of keys, which services share."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Float, Integer, LargeBinary, String, Text

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "credence_jobs",
        Column("id", String(64), primary_key=True),
        Column("model", Text, nullable=False),
        Column("version", Integer, nullable=False),
        Column("facts", Text, nullable=False),
        Column("client", Text, nullable=False),
        Column("search", LargeBinary),
        Column("state", String(16), nullable=False, index=True),
        Column("owner", String(64), nullable=False),
        Column("beat", Integer, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("found", LargeBinary),
        Column("detail", Text),
        Column("ended_at", Float(53)),
    )
    op.create_table(
        "credence_keys",
        Column("id", String(8), primary_key=True),
        Column("key", Text, nullable=False),
    )
