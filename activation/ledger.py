"""The ledger: plans, intents, receipts and what is known to be where. Never derivable, never lost.

SQLite in WAL mode in the home, or PostgreSQL by ``SIYU_LEDGER_URL``, through SQLAlchemy core. Every write
transaction takes the write lock at its start, so that what it read is still true when it writes. A second
lock, let go by the kernel or by PostgreSQL when its process dies, tells a plan that is being sent from one
whose sender died.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic import SecretStr

from activation.contracts import ApplierBusyError
from activation.messages.tables import touches
from activation.migrations import LedgerError, keep_older, prepare
from activation.tables import metadata, one_open_intent
from common.redact import redact
from common.settings import Settings

assert one_open_intent.table is not None  # it belongs to the tables that are created below
assert touches.metadata is metadata

__all__ = ["Ledger", "LedgerError"]

_WRITE_LOCK = 7_405_191  # any number that nobody else on the database uses


class Ledger:
    """One open ledger, brought to the present format. Use as a context manager: files and connections are let go.

    Raises:
        LedgerError: it cannot be reached, or was written by a version of Siyu that this one does not follow.
    """

    def __init__(self, settings: Settings) -> None:
        self._locks_dir = settings.ledger_path.with_name(settings.ledger_path.name + ".locks")
        self._path = settings.ledger_path
        self.engine = _engine(settings.ledger_url or settings.ledger_path)
        self._is_postgresql = self.engine.dialect.name == "postgresql"
        try:
            if not self._is_postgresql:
                keep_older(settings.ledger_path)
            with self.writing() as db:
                prepare(db)
        except sa.exc.OperationalError as error:
            self.engine.dispose()
            raise LedgerError(
                f"cannot open the ledger: {redact(str(error.orig))[:300]}; "
                "check SIYU_LEDGER_URL, or the rights and the space of SIYU_HOME"
            ) from None
        except LedgerError:
            self.engine.dispose()
            raise

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.engine.dispose()

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """One transaction that holds the write lock from its start; rolled back on error."""
        with self.engine.connect() as db, db.begin():
            if self._is_postgresql:
                db.execute(sa.select(sa.func.pg_advisory_xact_lock(_WRITE_LOCK)))
            yield db

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """One consistent view; does not wait for a writer."""
        options: dict[str, Any] = (
            {"isolation_level": "REPEATABLE READ"} if self._is_postgresql else {"siyu_reads": True}
        )
        with self.engine.connect().execution_options(**options) as db, db.begin():
            yield db

    def give_space_back(self) -> None:
        """Let a SQLite file shrink after much was deleted; PostgreSQL does so by itself."""
        if not self._is_postgresql:
            with closing(sqlite3.connect(self._path, timeout=60)) as db:
                db.execute("vacuum")

    @contextmanager
    def exclusive(self, segment_code: str, destination: str) -> Iterator[None]:
        """Be the only living sender to one destination of one segment.

        Raises:
            ApplierBusyError: another living process (or thread) is.
        """
        lock = self._postgresql_lock if self._is_postgresql else self._file_lock
        with lock(f"{segment_code}.{destination}") as taken:
            if not taken:
                raise ApplierBusyError(
                    f"another run is sending {segment_code} to {destination}; "
                    "wait for it to end, then plan again"
                )
            yield

    @contextmanager
    def _file_lock(self, name: str) -> Iterator[bool]:
        self._locks_dir.mkdir(exist_ok=True)
        descriptor = os.open(self._locks_dir / name, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(descriptor)

    @contextmanager
    def _postgresql_lock(self, name: str) -> Iterator[bool]:
        """The lock lives as long as its session; a session whose client died is ended by the server."""
        key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as session:
            taken = bool(session.execute(sa.select(sa.func.pg_try_advisory_lock(key))).scalar())
            try:
                yield taken
            finally:
                if taken:
                    session.execute(sa.select(sa.func.pg_advisory_unlock(key)))


@lru_cache(maxsize=4)
def _engine(where: SecretStr | Path) -> sa.Engine:
    """One engine per ledger and process: it remembers the statements it has put into SQL, 1 ms each."""
    if isinstance(where, Path):
        where.parent.mkdir(parents=True, exist_ok=True)
        engine = sa.create_engine(_sqlite_url(where), connect_args={"timeout": 60})
        sa.event.listen(engine, "connect", _configure)
        sa.event.listen(engine, "begin", _begin)
        return engine
    try:
        url = sa.make_url(where.get_secret_value())
    except sa.exc.ArgumentError:
        raise LedgerError("SIYU_LEDGER_URL: expected postgresql://user:password@host/database") from None
    if url.get_backend_name() != "postgresql":
        raise LedgerError(f"SIYU_LEDGER_URL: expected postgresql://, got {url.get_backend_name()}://")
    return sa.create_engine(
        url.set(drivername="postgresql+psycopg"), hide_parameters=True, pool_pre_ping=True
    )


def _sqlite_url(path: Path) -> str:
    return f"sqlite:///{path}"


def _configure(connection: Any, _: object) -> None:
    connection.isolation_level = None  # the driver must not begin by itself: _begin does
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = full")  # a receipt survives a power cut
    connection.execute("pragma foreign_keys = on")


def _begin(connection: sa.Connection) -> None:
    reads = connection.get_execution_options().get("siyu_reads", False)
    connection.exec_driver_sql("begin" if reads else "begin immediate")
