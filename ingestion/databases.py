"""Orders, order lines and members out of a shop's own database, read incrementally on an update column.

The cursor is the newest update stamp of what was admitted; reading starts an overlap before it, the stamp itself
included, so rows that share a stamp or were committed late are not skipped. What the lake has in the same state
is skipped, so reading again adds nothing. Another mapping reads everything anew.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from common.clock import UTC, utc_now
from common.lake import Arrival, Lake, LoadReport
from common.pii import pii_key
from common.settings import Settings
from common.streams import STREAMS, Stream
from ingestion.contract_fields import FILE_CONTRACTS
from ingestion.convert import RowError, to_instant
from ingestion.database_mapping import GROUPS, DatabaseMapping, load_database_mapping
from ingestion.database_sql import BATCH, DatabaseError, connected, lines_query, newest_query, rows_query
from ingestion.mapping import MappingError
from ingestion.parts import new_folders
from ingestion.row_reader import RowReader
from ingestion.tables import Row, Table
from ingestion.versions import QUARANTINE, Settled, Staging

__all__ = ["GROUPS", "DatabaseError", "MappingError", "arrive"]


def arrive(settings: Settings, lake: Lake, keys: list[str]) -> list[Arrival]:
    """Read what changed in the given streams, in one snapshot, and return the arrivals.

    Streams that the mapping does not fill bring nothing. Amounts are fen, stamps naive UTC. rows read = written +
    quarantined + skipped. A stream of which every row was refused has no data arrival, and its cursor stays.

    Raises:
        DatabaseError: the database could not be read to the end; nothing arrived.
        MappingError: the mapping is wrong, or only one of the two settings is there.
    """
    mapping = _mapping(settings)
    assert settings.orders_database_url is not None
    lake.ensure()
    arrivals: list[Arrival] = []
    try:
        with connected(settings.orders_database_url, mapping) as connection:
            for key in filter(mapping.section, keys):
                arrivals += _Reading(settings, lake, mapping, connection, STREAMS[key]).arrive()
    except BaseException:
        for arrival in arrivals:
            lake.discard(arrival)
        raise
    return arrivals


def _mapping(settings: Settings) -> DatabaseMapping:
    if settings.orders_database_url is None or settings.orders_database_mapping is None:
        raise MappingError(
            "expected SIYU_ORDERS_DATABASE_URL and SIYU_ORDERS_DATABASE_MAPPING, got one of the two"
        )
    return load_database_mapping(settings.orders_database_mapping)


@dataclass(frozen=True)
class _Reading:
    """One stream being read in the connection's snapshot."""

    settings: Settings
    lake: Lake
    mapping: DatabaseMapping
    connection: sa.Connection
    stream: Stream

    @property
    def source(self) -> str:
        return f"database:{self.mapping.source}/{self.stream.name}"

    def arrive(self) -> list[Arrival]:
        """Read, settle and declare the arrivals."""
        began, since = time.monotonic(), self._since()
        with new_folders(self.lake, self.stream, QUARANTINE) as (good_dir, bad_dir):
            staging = Staging(good_dir / "staged.parquet", self.stream)
            left_out = self._stage(staging, since)
            counts = staging.settle(good_dir, bad_dir, self.lake)
            report = LoadReport(
                self.stream.key,
                self.source,
                counts.received + left_out,
                counts.quarantined,
                skipped=counts.skipped + left_out,
                window_end=self._window_end(),
                details={
                    "mapping": self.mapping.digest,
                    "since": since.isoformat() if since else None,
                    "unchanged": counts.skipped,
                    "never_paid": left_out,
                    "seconds": round(time.monotonic() - began, 1),
                },
            )
            return self._declare(report, counts, good_dir, bad_dir)

    def _declare(self, report: LoadReport, counts: Settled, good_dir: Path, bad_dir: Path) -> list[Arrival]:
        arrivals = []
        if report.rows > report.quarantined:
            arrivals.append(self.lake.arrive(self.stream, good_dir, report))
        else:
            shutil.rmtree(good_dir)
        if counts.refused:
            details = {"of": self.stream.key, "good_rows": counts.written}
            about = LoadReport(QUARANTINE.key, self.source, counts.refused, details=details)
            arrivals.append(self.lake.arrive(QUARANTINE, bad_dir, about))
        else:
            shutil.rmtree(bad_dir)
        return arrivals

    def _since(self) -> dt.datetime | None:
        cursor = self.lake.cursor(self.stream)
        ours = [load for load in self.lake.loads(self.stream) if load.source == self.source]
        if cursor is None or not ours or ours[-1].details.get("mapping") != self.mapping.digest:
            return None
        return cursor - dt.timedelta(minutes=self.mapping.overlap_minutes)

    def _stage(self, staging: Staging, since: dt.datetime | None) -> int:
        section = self.mapping.section(self.stream.key)
        assert section is not None
        lines = self.stream.name == "order_lines"
        query = lines_query(self.mapping, since) if lines else rows_query(section, self.mapping, since)
        fields = list(section.columns)
        reader, left_out = self._reader(fields), 0
        for row, record in self._rows(query, len(fields)):
            if reader.left_out(row):
                left_out += 1
                continue
            order_id, reason, values = None, "", reader.nothing
            try:
                order_id = reader.field(row, "order_id") if lines else None
                values = reader.read(row)
            except RowError as error:
                reason = f"key {self._key(record, len(section.key_columns))}: {error}"
            refusal = self._refusal(row, reason, record) if lines or reason else None
            staging.add(values, refusal, set_key=order_id)
        return left_out

    def _reader(self, fields: list[str]) -> RowReader:
        cells = self.mapping.cells(self.stream.key)
        return RowReader(
            self.stream.columns,
            FILE_CONTRACTS[self.stream.key].fields,
            cells.columns,
            Table(fields, iter(())),
            cells,
            source=self.source,
            pii_key=pii_key(self.settings),
            constants=cells.constants,
        )

    def _rows(self, query: sa.Select[Any], width: int) -> Iterator[tuple[Row, dict[str, Any]]]:
        """Yield rows as the reader wants them, each with the record by its names; in bounded memory."""
        result = self.connection.execute(query)
        names = list(result.keys())
        kinds = FILE_CONTRACTS[self.stream.key].fields
        instants = [at for at, name in enumerate(names[:width]) if kinds[name].kind == "instant"]
        for line, found in enumerate(result.yield_per(BATCH), start=1):
            cells = list(found)
            for at in instants:
                cells[at] = self._instant(cells[at])
            binary = [n for n, cell in zip(names, cells, strict=True) if isinstance(cell, bytes | memoryview)]
            problem = f"{', '.join(binary)}: expected text, got bytes" if binary else None
            yield Row(line, cells[:width], problem), dict(zip(names, cells, strict=True))

    def _instant(self, cell: Any) -> Any:
        """Return an integer stamp as an instant; anything else is left to the converter."""
        if self.mapping.stamps == "datetime" or not isinstance(cell, int | Decimal):
            return cell
        seconds = int(cell) / (1000 if self.mapping.stamps == "milliseconds" else 1)
        try:
            return dt.datetime.fromtimestamp(seconds, UTC)
        except (OverflowError, OSError, ValueError):
            return str(cell)

    def _window_end(self) -> str | None:
        """Return the newest stamp of the snapshot."""
        sections = [self.mapping.section(self.stream.key)]
        if self.stream.name == "order_lines":
            sections.append(self.mapping.orders)
        now, ends = utc_now(), []
        for section in sections:
            if section is None or section.update_column is None:
                continue
            newest = self.connection.execute(newest_query(section, self.mapping, now)).scalar()
            try:
                found = to_instant(self._instant(newest), self.mapping.cells_zone)
            except RowError:  # no date at all, such as MySQL's 0000-00-00
                found = None
            if found is not None:
                ends.append(found.replace(tzinfo=UTC))
        return max(ends).isoformat() if ends else None

    def _refusal(self, row: Row, reason: str, record: dict[str, Any]) -> tuple[Any, ...]:
        text = (
            json.dumps(record, ensure_ascii=False, default=str).encode("utf-8", "backslashreplace").decode()
        )
        return (self.stream.channel, self.stream.name, self.source, row.line, reason, text)

    def _key(self, record: dict[str, Any], keys: int) -> str:
        names = [f"key_{number}" for number in range(keys)] or [
            "buyer_id" if self.stream.name == "members" else "order_id"
        ]
        return "|".join(str(record.get(name)) for name in names)
