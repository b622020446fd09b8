"""The tables of answers, outcomes and what they say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Column, Connection, Float, Index, Integer, String, Table, Text, delete, select, tuple_, update

from service.runtime.database.engine import METADATA, Database
from service.runtime.outcomes.answer_rows import AnswerRow, Key, Said
from service.runtime.outcomes.watch import Watch, decode_watch, encode_watch

_ROWS = Table(
    "credence_answers",
    METADATA,
    Column("request", String(128), primary_key=True),
    Column("row", Integer, primary_key=True),
    Column("model", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("answered_at", Float(53), nullable=False),
    Column("said", Text, nullable=False),
    Column("inputs", Text),
    Column("outcome", Text),
    Column("reported_at", Float(53)),
    Index("credence_answers_by_time", "answered_at"),
)
_WATCHES = Table(
    "credence_watches",
    METADATA,
    Column("model", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("changed_at", Float(53), nullable=False),
    Column("state", Text, nullable=False),
)
_AT_ONCE = 300
"""Keys looked for by one statement: SQLite allows a thousand values or so."""


class OutcomeDatabase(Database):
    """A connection to the tables of answers and outcomes."""

    def add(self, connection: Connection, rows: Sequence[AnswerRow]) -> None:
        """Remember rows; of two answers under one id the later one counts, unless an outcome is known of the first."""
        values = [
            {
                **{name: getattr(row, name) for name in ("request", "row", "model", "version", "answered_at")},
                "said": msgspec.json.encode(row.said).decode(),
                "inputs": None if row.inputs is None else msgspec.json.encode(row.inputs).decode(),
            }
            for row in rows
        ]
        if values:
            insert = self.insert(_ROWS)
            later = {name: insert.excluded[name] for name in values[0] if name not in ("request", "row")}
            keys = [_ROWS.c.request, _ROWS.c.row]
            statement = insert.on_conflict_do_update(index_elements=keys, set_=later, where=_ROWS.c.outcome.is_(None))
            connection.execute(statement, values)

    def find(self, connection: Connection, keys: Sequence[Key]) -> dict[Key, AnswerRow]:
        """Return the remembered rows among those asked for."""
        found = {}
        for start in range(0, len(keys), _AT_ONCE):
            asked = tuple_(_ROWS.c.request, _ROWS.c.row).in_(keys[start : start + _AT_ONCE])
            for one in connection.execute(select(_ROWS).where(asked).with_for_update()):
                outcome = None if one.outcome is None else msgspec.json.decode(one.outcome)
                said = msgspec.json.decode(one.said, type=Said)
                place = (one.request, one.row)
                found[place] = AnswerRow(*place, one.model, one.version, one.answered_at, said, None, outcome)
        return found

    def add_outcomes(self, connection: Connection, outcomes: Iterable[tuple[Key, Any]], at: float) -> None:
        """Write outcomes beside the rows that they are of.

        Args:
            connection: Connection in a transaction.
            outcomes: Key and outcome of each row.
            at: Time in seconds since 1970.
        """
        for (request, row), outcome in outcomes:
            place = (_ROWS.c.request == request) & (_ROWS.c.row == row)
            text = msgspec.json.encode(outcome).decode()
            connection.execute(update(_ROWS).where(place).values(outcome=text, reported_at=at))

    def lock_watch(self, connection: Connection, model: str, version: int) -> Watch:
        """Return what is known of a version of a model; nobody else changes it before the end of the transaction."""
        start = self.insert(_WATCHES).values(
            model=model, version=version, changed_at=0.0, state=encode_watch(Watch(model, version))
        )
        connection.execute(start.on_conflict_do_nothing())
        place = (_WATCHES.c.model == model) & (_WATCHES.c.version == version)
        return decode_watch(connection.execute(select(_WATCHES.c.state).where(place).with_for_update()).scalar_one())

    def save_watch(self, connection: Connection, watch: Watch, at: float) -> None:
        """Write what is known of a version of a model now."""
        place = (_WATCHES.c.model == watch.model) & (_WATCHES.c.version == watch.version)
        connection.execute(update(_WATCHES).where(place).values(changed_at=at, state=encode_watch(watch)))

    def watches_since(self, connection: Connection, time: float) -> list[Watch]:
        """Return what is known of the models whose outcomes changed at a time, in seconds since 1970, or later."""
        changed = select(_WATCHES.c.state).where(_WATCHES.c.changed_at >= time)
        return [decode_watch(state) for state in connection.execute(changed).scalars()]

    def expire(self, connection: Connection, before: float) -> int:
        """Delete the rows that were answered before a time, in seconds since 1970, and return how many there were."""
        return connection.execute(delete(_ROWS).where(_ROWS.c.answered_at < before)).rowcount
