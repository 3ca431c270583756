"""The SQLAlchemy dialect through which Great Expectations talks to a DuckDB session that *we* opened.

Two reasons not to let Great Expectations open DuckDB itself.

- It fetches rows after giving its connection back; the rollback of that moment empties DuckDB's cursor, and
  every expectation crashes with an IndexError. Engine arguments ``isolation_level="AUTOCOMMIT"`` and
  ``skip_autocommit_rollback=True`` are said to cure that, but SQLAlchemy then asks the connection for
  ``set_isolation_level``, which DuckDB has not (2026-11-21: SQLAlchemy 2.1.9, duckdb_engine 0.17.0).
- It opens two engines and closes neither, so a file stays locked. Here every connection is a cursor of one
  session, and closing the session closes them all.
"""

from __future__ import annotations

from typing import Any

import duckdb
from duckdb_engine import ConnectionWrapper, Dialect
from sqlalchemy.dialects import registry

SCHEME = "duckdb+siyu_session"
_sessions: dict[str, Session] = {}


class Session:
    """An open DuckDB connection that engines may reach under ``url`` until ``close``."""

    def __init__(self, token: str, root: duckdb.DuckDBPyConnection) -> None:
        self.root = root
        self.token = token
        self._cursors: list[duckdb.DuckDBPyConnection] = []
        _sessions[token] = self

    @property
    def url(self) -> str:
        """SQLAlchemy URL of this session."""
        return f"{SCHEME}:///{self.token}"

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return one more connection to the same database; ``close`` closes it too."""
        cursor = self.root.cursor()
        self._cursors.append(cursor)
        return cursor

    def close(self) -> None:
        """Close everything that was opened through this session, which gives the file's lock back."""
        _sessions.pop(self.token, None)
        for cursor in self._cursors:
            cursor.close()
        self.root.close()


class SessionDialect(Dialect):
    """duckdb_engine's dialect on cursors of a ``Session``; reads only, so it needs no transactions."""

    driver = "siyu_session"
    supports_statement_cache = False

    def connect(self, *args: Any, **kwargs: Any) -> Any:
        """Return a wrapped cursor of the session that the URL names."""
        return ConnectionWrapper(_sessions[kwargs["database"]].cursor())

    def do_begin(self, dbapi_connection: Any) -> None:
        """Do nothing: DuckDB commits each statement by itself."""

    def do_commit(self, dbapi_connection: Any) -> None:
        """Do nothing: there is no transaction."""

    def do_rollback(self, dbapi_connection: Any) -> None:
        """Do nothing: a rollback would empty the cursor that is about to be read."""


registry.register("duckdb.siyu_session", __name__, "SessionDialect")
