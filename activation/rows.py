"""Rows of plans as they are kept: Parquet, read back chunk by chunk, never all at once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow.parquet as pq

from activation.contracts import Action, Change, Destination, Values

BAR = "|"
"""Stands between the key columns in a row key; a key column that holds one is refused."""


def values_of(key_columns: tuple[str, ...], row_key: str, content: str) -> Values:
    """Return the key columns and the value columns of one row."""
    values: Values = dict(zip(key_columns, row_key.split(BAR), strict=True))
    return values | json.loads(content)


class PlanRows:
    """The rows to send of a plan, in a Parquet file; see ``activation.contracts.Changes``."""

    def __init__(self, path: Path, destination: Destination, counts: Mapping[Action, int]) -> None:
        self._path, self._keys = path, destination.key_columns
        self.counts = counts

    def __len__(self) -> int:
        return sum(self.counts.values())

    def chunks(self, size: int) -> Iterator[list[Change]]:
        """Yield all rows, at most so many at a time, in row key order."""
        if not len(self):
            return
        with pq.ParquetFile(self._path) as file:
            for batch in file.iter_batches(batch_size=size):
                found = [
                    change_of(self._keys, row)
                    for row in batch.to_pylist()
                    if row["action"] != Action.HELD.value
                ]
                if found:
                    yield found


class MemberRows:
    """The members of a segment that should be there, in a Parquet file; iterated anew each time."""

    def __init__(self, path: Path | None, destination: Destination, count: int) -> None:
        self._path, self._keys, self._count = path, destination.key_columns, count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Values]:
        if self._path is None:
            raise LookupError("this destination did not ask for the members; set needs_members")
        with pq.ParquetFile(self._path) as file:
            for batch in file.iter_batches(batch_size=20_000):
                for row in batch.to_pylist():
                    yield values_of(self._keys, row["row_key"], row["content"])


def change_of(key_columns: tuple[str, ...], row: Mapping[str, str | None]) -> Change:
    """Return one row of a plan; a held one may stand for a member without a row, and has no values then."""
    key, content, before = str(row["row_key"]), row["content"], row["before"]
    return Change(
        action=Action(str(row["action"])),
        row_key=key,
        customer_id=str(row["customer_id"]),
        values=values_of(key_columns, key, content) if content is not None else {},
        content=content or "",
        before=values_of(key_columns, key, before) if before is not None else None,
        content_before=before,
        reason=row.get("reason"),
    )
