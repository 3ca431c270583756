"""The only opener of the DuckDB warehouse file, and the lock that keeps it to one writer.

A DuckDB file open for writing shuts out every other process, readers too; everybody but the daily job reads
``published``. The lock is held by the kernel for a living process, so a killed run leaves none behind.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from common.settings import Settings


class WarehouseBusyError(RuntimeError):
    """Another process is writing this home."""


def connect(path: Path | str = ":memory:", *, read_only: bool = False) -> duckdb.DuckDBPyConnection:
    """Open DuckDB with the session settings every room relies on (UTC, no progress bar)."""
    connection = duckdb.connect(str(path), read_only=read_only)
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("set enable_progress_bar = false")
    return connection


@contextmanager
def reading(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the warehouse read-only, closed on leaving.

    Raises:
        FileNotFoundError: nothing was built yet.
        duckdb.IOException: a run is writing it.
    """
    if not settings.warehouse_path.exists():
        raise FileNotFoundError(f"no warehouse at {settings.warehouse_path}; run `siyu run` first")
    connection = connect(settings.warehouse_path, read_only=True)
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def writer_lock(settings: Settings, *, wait_seconds: float = 0.0) -> Iterator[None]:
    """Hold this home's single-writer lock.

    Raises:
        WarehouseBusyError: another living process holds it after ``wait_seconds``.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(settings.home / ".writer.lock", os.O_RDWR | os.O_CREAT, 0o644)
    deadline = time.monotonic() + wait_seconds
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() >= deadline:
                    raise WarehouseBusyError(
                        f"another run is writing {settings.home}; wait for it to end, or set SIYU_HOME elsewhere"
                    ) from error
                time.sleep(0.2)
        yield
    finally:
        os.close(descriptor)
