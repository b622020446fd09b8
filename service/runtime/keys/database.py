"""The table of keys that services share: what the file of keys is to one of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
from sqlalchemy import Column, Connection, String, Table, Text, select

from service.http.access.keys import Key
from service.runtime.database.engine import METADATA, Database

_KEYS = Table("credence_keys", METADATA, Column("id", String(8), primary_key=True), Column("key", Text, nullable=False))


class KeyDatabase(Database):
    """A connection to the table of keys."""

    def read(self) -> list[Key]:
        """Return the keys, the oldest first."""
        with self.begin() as connection:
            return _read(connection)

    @contextmanager
    def changing(self) -> Iterator[list[Key]]:
        """Let a block change the keys, one service or command at a time; a block that raises changes nothing."""
        with self.begin() as connection:
            self.lock(connection)
            keys = _read(connection)
            before = {key.id: key for key in keys}
            yield keys
            for key in keys:
                if before.get(key.id) != key:
                    text = msgspec.json.encode(key).decode()
                    insert = self.insert(_KEYS).values(id=key.id, key=text)
                    connection.execute(insert.on_conflict_do_update(index_elements=[_KEYS.c.id], set_={"key": text}))


def _read(connection: Connection) -> list[Key]:
    texts = connection.execute(select(_KEYS.c.key)).scalars()
    return sorted((msgspec.json.decode(text, type=Key) for text in texts), key=lambda key: (key.created, key.id))
