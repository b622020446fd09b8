"""The way in which alembic runs the migrations: on a connection that is given, in its transaction."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"], version_table="credence_schema")
with context.begin_transaction():
    context.run_migrations()
