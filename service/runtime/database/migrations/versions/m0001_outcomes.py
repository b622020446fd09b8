"""The tables of answers, outcomes and what they say; databases that are older than migrations have them already."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Float, Integer, String, Text

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables where they are missing."""
    op.create_table(
        "credence_answers",
        Column("request", String(128), primary_key=True),
        Column("row", Integer, primary_key=True),
        Column("model", Text, nullable=False),
        Column("version", Integer, nullable=False),
        Column("answered_at", Float(53), nullable=False),
        Column("said", Text, nullable=False),
        Column("inputs", Text),
        Column("outcome", Text),
        Column("reported_at", Float(53)),
        if_not_exists=True,
    )
    op.create_index("credence_answers_by_time", "credence_answers", ["answered_at"], if_not_exists=True)
    op.create_table(
        "credence_watches",
        Column("model", Text, primary_key=True),
        Column("version", Integer, primary_key=True),
        Column("changed_at", Float(53), nullable=False),
        Column("state", Text, nullable=False),
        if_not_exists=True,
    )
