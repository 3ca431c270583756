"""Which business day a run is for, and up to which load it looks."""

from __future__ import annotations

import datetime as dt

from common.clock import business_date, utc_now
from common.lake import Lake, instant_of, load_id_of
from common.settings import Settings
from common.warehouse import reading


def last_complete_day(settings: Settings, now: dt.datetime | None = None) -> dt.date:
    """Return the business day before the one that is under way, or the last one the settings know data for."""
    yesterday = business_date(now or utc_now(), settings.zone) - dt.timedelta(days=1)
    return yesterday if settings.last_day is None else min(yesterday, settings.last_day)


def choose_as_of(
    *,
    asked: dt.date | None,
    partition: dt.date | None,
    fetched: dt.date | None,
    built: dt.date | None,
    last: dt.date,
) -> dt.date:
    """Return the business day to build for.

    A day that was asked for by name is taken as it is. A run without a partition is for the day last
    ``fetched``. Otherwise it is the run's partition, else the last complete day -- but never a day before
    the one the warehouse was last built for: a backfill of an old day brings its records and leaves the
    answers where they are.
    """
    if asked is not None:
        return asked
    wanted = partition or fetched or last
    return wanted if built is None else max(wanted, built)


def choose_known_at(asked: str | None, lake: Lake, now: dt.datetime | None = None) -> str:
    """Return the load id up to which the run sees the lake: ``asked``, else everything there is now.

    Raises:
        ValueError: ``asked`` is neither a load id nor an aware ISO instant.
    """
    if asked is None:
        return max(load_id_of(now or utc_now()), lake.last_load_id() or "")
    try:
        return load_id_of(instant_of(asked))
    except ValueError:
        pass
    try:
        instant = dt.datetime.fromisoformat(asked)
    except ValueError as error:
        raise ValueError(
            f"known_at: expected an instant like 2026-11-21T03:00:00+08:00 or a load id, got {asked!r}"
        ) from error
    if instant.tzinfo is None:
        raise ValueError(f"known_at: expected an instant with its offset, got {asked!r}; add +08:00 or Z")
    return load_id_of(instant)


def built_as_of(settings: Settings) -> dt.date | None:
    """Return the business day the warehouse was last built for, None when nothing was built yet."""
    row = last_build(settings)
    return row[0] if row else None


def last_build(settings: Settings) -> tuple[dt.date, str, str] | None:
    """Return (as_of, known load id, state) of the newest row of ``meta.run_log``, None without one."""
    if not settings.warehouse_path.exists():
        return None
    with reading(settings) as db:
        if not db.execute(_HAS_LOG).fetchone():
            return None
        return db.execute(
            "select as_of, known_load_id, state from meta.run_log order by run_no desc limit 1"
        ).fetchone()


_HAS_LOG = "select 1 from duckdb_tables() where schema_name = 'meta' and table_name = 'run_log'"
