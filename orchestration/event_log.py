"""Dagster's SQLite event log, with connections that outlive one event.

Dagster's own opens a database, writes one event, checkpoints and closes, and compiles its SQL anew each time. A daily
run writes some 1,000 events: that was a third of the CPU of an empty day outside dbt (2026-11-22). Same files, same
tables, same transactions; only the engine and its connection are kept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS, create_db_conn_string
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import StaticPool

# The index of all runs, the run at work, and a few that the UI may look at beside it.
_KEPT_ENGINES = 4


class KeptSqliteEventLog(SqliteEventLogStorage):
    """The event log of a home: one SQLite file per run and one index of them all, in ``base_dir``."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        self._tables: set[str] = set()
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> KeptSqliteEventLog:
        """Return the storage that ``dagster.yaml`` asks for."""
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._engine(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def _engine(self, shard: str) -> Engine:
        if shard in self._engines:
            self._engines.move_to_end(shard)
            return self._engines[shard]
        engine = create_engine(
            create_db_conn_string(self._base_dir, shard),
            poolclass=StaticPool,  # used under _db_lock only
            connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
        )
        event.listen(engine, "connect", _write_ahead_without_waiting)
        self._initdb(engine)
        self._engines[shard] = engine
        while len(self._engines) > _KEPT_ENGINES:
            self._engines.popitem(last=False)[1].dispose()
        return engine

    def has_table(self, table_name: str) -> bool:
        """Whether the index has this table; asked at every event, and tables are never dropped."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def wipe(self) -> None:
        """Delete all events; open connections would go on writing to deleted files."""
        self._close()
        super().wipe()

    def dispose(self) -> None:
        """Close the files."""
        self._close()
        super().dispose()

    def _close(self) -> None:
        with self._db_lock:
            while self._engines:
                self._engines.popitem()[1].dispose()


def _write_ahead_without_waiting(connection: Any, _record: object) -> None:
    """A killed process loses nothing in WAL mode; only a power cut can cost the newest events."""
    connection.execute("pragma synchronous = normal")
