"""Brings an older ledger to the present format, in the transaction that found it to be old."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from activation.errors import ActivationError
from activation.tables import FORMAT, facts, metadata


class LedgerError(ActivationError):
    """The ledger cannot be opened."""


def _add_tables(db: sa.Connection) -> None:
    """Make the tables that the older format did not have; those that are there stay as they are."""
    metadata.create_all(db)


# Format -> the next one, and how. A step that changes a table says so in SQL of its own.
STEPS: dict[str, tuple[str, Callable[[sa.Connection], None]]] = {"2": ("3", _add_tables)}


def prepare(db: sa.Connection) -> None:
    """Make the tables of a new ledger, or bring an older one to the present format.

    Raises:
        LedgerError: it is of a format that cannot be brought here: too old, or newer than this version.
    """
    found = set(sa.inspect(db).get_table_names())
    if "plans" in found and "facts" not in found:
        raise LedgerError(
            f"the ledger is of an older format than {FORMAT}, which this version does not read; "
            "reconcile with the version that wrote it, then move the file away"
        )
    if "facts" not in found:
        metadata.create_all(db)
        db.execute(sa.insert(facts).values(name="format", value=FORMAT))
        return
    kept = format_of(db)
    while kept in STEPS and kept != FORMAT:
        kept, step = STEPS[kept]
        step(db)
        db.execute(sa.update(facts).where(facts.c.name == "format").values(value=kept))
    if kept != FORMAT:
        raise LedgerError(f"the ledger: expected format {FORMAT}, got {kept}; use the version that wrote it")


def format_of(db: sa.Connection) -> str:
    """Return the format of a ledger that has one."""
    return str(db.execute(sa.select(facts.c.value).where(facts.c.name == "format")).scalar())


def keep_older(path: Path) -> Path | None:
    """Copy a SQLite ledger of an older format beside itself before it is changed; return the copy.

    None when there is nothing to keep, or the copy is there already.
    """
    if not path.exists():
        return None
    with closing(sqlite3.connect(path)) as source:
        try:
            row = source.execute("select value from facts where name = 'format'").fetchone()
        except sqlite3.OperationalError:  # new, or older than formats have numbers
            return None
        if row is None or row[0] == FORMAT or row[0] not in STEPS:
            return None
        copy = path.with_name(f"{path.name}.format-{row[0]}")
        if copy.exists():
            return None
        scratch = copy.with_name(copy.name + ".new")
        with closing(sqlite3.connect(scratch)) as target:
            source.backup(target)
        scratch.replace(copy)
        return copy
