"""A fetch may bring a record twice (a page asked for again, a row on two pages): it is landed once."""

from __future__ import annotations

from pathlib import Path

from common.warehouse import connect

ONCE_NAME = "part-once.parquet"


def keep_last(folder: Path) -> int:
    """Keep of each ``record_key`` in the parts of ``folder`` the one read last; return how many rows went."""
    parts = "'" + str(folder / "part-*.parquet").replace("'", "''") + "'"
    target = "'" + str(folder / ONCE_NAME).replace("'", "''") + "'"
    with connect() as db:
        counts = db.execute(_COUNT.format(parts=parts)).fetchone()
        doubles = int(counts[0]) - int(counts[1]) if counts else 0
        if doubles:
            db.execute(_KEEP_LAST.format(parts=parts, target=target))
    if doubles:
        for part in folder.glob("part-*.parquet"):
            if part.name != ONCE_NAME:
                part.unlink()
    return doubles


_COUNT = "select count(*), count(distinct record_key) from read_parquet({parts})"
_KEEP_LAST = """
copy (
    select * exclude (file_row_number, filename)
    from read_parquet({parts}, file_row_number = true, filename = true)
    qualify row_number() over (partition by record_key order by filename desc, file_row_number desc) = 1
    order by filename, file_row_number
) to {target} (format parquet)
"""
