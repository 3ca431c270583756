"""Files of a back office become arrivals of table streams; rows that break the contract, of quarantine.

Nothing is lost: rows of the file = rows that landed + rows in quarantine, each with its line and the reason.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.lake import Arrival, Lake, LoadReport
from common.pii import pii_key
from common.settings import Settings
from common.streams import STREAMS, Stream
from ingestion.contract_fields import FILE_CONTRACTS, SUMMED_OVER_LINES
from ingestion.convert import RowError
from ingestion.mapping import Mapping, load_mapping
from ingestion.parts import PART_NAME, PartWriter, new_folders
from ingestion.row_reader import RowReader
from ingestion.sku_lines import FILE_LINE, QUARANTINE, STAGED_COLUMNS, split_orders_and_lines
from ingestion.tables import FileRejectedError, Row, Table, open_table
from ingestion.versions import Staging

__all__ = ["FileRejectedError", "arrive_file", "fingerprint_of"]


def arrive_file(
    settings: Settings,
    lake: Lake,
    channel: str,
    stream: str,
    path: Path,
    mapping_path: Path,
    *,
    details: dict[str, Any] | None = None,
) -> list[Arrival]:
    """Read one CSV, XLSX or Parquet file by its mapping and return the arrivals it makes.

    Data arrivals first (orders, and order lines when the mapping has ``lines``), then one for quarantine when
    rows were refused. When every row was refused there is no data arrival. Amounts are fen, stamps naive UTC.
    ``details`` are kept in the reports.

    Raises:
        FileRejectedError: the file as a whole cannot be taken; nothing landed.
        MappingError: the mapping does not fit the stream.
    """
    key = f"{channel}/{stream}"
    mapping = load_mapping(mapping_path, key)
    if not path.is_file():
        raise FileRejectedError(f"{path}: expected a file, found none; check the path")
    lake.ensure()
    fingerprint = fingerprint_of(path, mapping_path)
    with open_table(path, mapping) as table:
        source = f"file:{path.name}#{fingerprint[:12]}"
        job = _Job(
            lake,
            STREAMS[key],
            path.name,
            source,
            fingerprint,
            table,
            mapping,
            pii_key(settings),
            details or {},
        )
        if mapping.lines:
            return job.arrive_lines()
        return job.arrive_sets() if stream == "order_lines" else job.arrive_rows()


def fingerprint_of(path: Path, mapping_path: Path) -> str:
    """Return the sha256 of file and mapping: the same file read the same way is admitted once."""
    digest = hashlib.sha256()
    for each in (path, mapping_path):
        with each.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


@dataclass(frozen=True)
class _Job:
    """One file on its way into the lake."""

    lake: Lake
    stream: Stream
    name: str
    source: str
    fingerprint: str
    table: Table
    mapping: Mapping
    pii_key: bytes
    details: dict[str, Any]

    def arrive_rows(self) -> list[Arrival]:
        """A row of the file is a row of the stream."""
        reader, left_out = self._order_reader(frozenset()), 0
        with new_folders(self.lake, self.stream, QUARANTINE) as (good_dir, bad_dir):
            good = PartWriter(good_dir / PART_NAME, self.stream.columns)
            bad = PartWriter(bad_dir / PART_NAME, QUARANTINE.columns)
            for row in self.table.rows:
                try:
                    if reader.left_out(row):
                        left_out += 1
                    else:
                        good.add(reader.read(row))
                except RowError as error:
                    bad.add(self._refused(row, str(error)))
            good.close()
            bad.close()
            report = self._report(self.stream, good.rows + bad.rows, quarantined=bad.rows, left_out=left_out)
            return self._finish([(good_dir, self.stream, report)], bad_dir, good.rows, bad.rows)

    def arrive_sets(self) -> list[Arrival]:
        """A row is an order line of a file without orders: an order's lines land whole or not at all."""
        reader = self._order_reader(frozenset())
        with new_folders(self.lake, self.stream, QUARANTINE) as (good_dir, bad_dir):
            staging = Staging(good_dir / "staged.parquet", self.stream)
            for row in self.table.rows:
                order_id, reason, values = None, "", reader.nothing
                try:
                    order_id = reader.field(row, "order_id")
                    values = reader.read(row)
                except RowError as error:
                    reason = str(error)
                staging.add(values, self._refused(row, reason), set_key=order_id)
            counts = staging.settle(good_dir, bad_dir)
            report = self._report(self.stream, counts.received, quarantined=counts.quarantined)
            return self._finish(
                [(good_dir, self.stream, report)], bad_dir, counts.written, counts.quarantined
            )

    def arrive_lines(self) -> list[Arrival]:
        """A row of the file is an order line: stage them flat, then split."""
        given = {*self.mapping.columns, *self.mapping.constants}
        told = {name for name, line_field in SUMMED_OVER_LINES.items() if line_field in self.mapping.lines}
        summed, lines = frozenset(told - given), STREAMS[f"{self.stream.channel}/order_lines"]
        with new_folders(self.lake, self.stream, lines, QUARANTINE) as (orders_dir, lines_dir, bad_dir):
            staged, left_out = self._stage(lines_dir / "staged.parquet", summed)
            counts = split_orders_and_lines(
                lines_dir / "staged.parquet", orders_dir, lines_dir, bad_dir, summed
            )
            (lines_dir / "staged.parquet").unlink()
            landed = [
                (orders_dir, self.stream, self._report(self.stream, counts.orders, file_rows=staged)),
                (
                    lines_dir,
                    lines,
                    self._report(lines, staged, quarantined=counts.quarantined, left_out=left_out),
                ),
            ]
            return self._finish(landed, bad_dir, counts.lines, counts.quarantined)

    def _stage(self, path: Path, summed: frozenset[str]) -> tuple[int, int]:
        order = self._order_reader(summed)
        fields, key = FILE_CONTRACTS[self.stream.key].lines, self.pii_key
        line = RowReader(
            FILE_LINE,
            fields,
            self.mapping.lines,
            self.table,
            self.mapping,
            source=self.source,
            pii_key=key,
        )
        staged, left_out = PartWriter(path, STAGED_COLUMNS), 0
        for row in self.table.rows:
            if order.left_out(row):
                left_out += 1
                continue
            order_id, reason, parts = None, "", (*order.nothing, *line.nothing)
            try:
                order_id = order.field(row, "order_id")
                parts = (*order.read(row), *line.read(row))
            except RowError as error:
                reason = str(error)
            staged.add((order_id, *parts, *self._refused(row, reason)))
        staged.close()
        return staged.rows, left_out

    def _order_reader(self, left_out: frozenset[str]) -> RowReader:
        contract = FILE_CONTRACTS[self.stream.key]
        return RowReader(
            self.stream.columns,
            {name: field for name, field in contract.fields.items() if name not in left_out},
            self.mapping.columns,
            self.table,
            self.mapping,
            source=self.source,
            pii_key=self.pii_key,
            constants=self.mapping.constants,
        )

    def _finish(
        self, landed: list[tuple[Path, Stream, LoadReport]], bad_dir: Path, good_rows: int, bad_rows: int
    ) -> list[Arrival]:
        if good_rows + bad_rows + sum(report.skipped for _, _, report in landed) == 0:
            raise FileRejectedError(f"{self.name}: expected rows under the header, got none")
        arrivals = []
        for folder, stream, report in landed:
            if good_rows:
                arrivals.append(self.lake.arrive(stream, folder, report))
            else:
                shutil.rmtree(folder)
        if bad_rows:
            report = self._report(QUARANTINE, bad_rows, of=self.stream.key, good_rows=good_rows)
            arrivals.append(self.lake.arrive(QUARANTINE, bad_dir, report))
        else:
            shutil.rmtree(bad_dir)
        return arrivals

    def _report(
        self, stream: Stream, rows: int, *, quarantined: int = 0, left_out: int = 0, **details: Any
    ) -> LoadReport:
        if left_out:
            details["never_paid"] = left_out
        return LoadReport(
            stream.key,
            self.source,
            rows + left_out,
            quarantined,
            skipped=left_out,
            fingerprint=self.fingerprint,
            details={**self.details, **details},
        )

    def _refused(self, row: Row, reason: str) -> tuple[Any, ...]:
        """Return the row as quarantine keeps it."""
        cells = (
            {"row": list(row.cells)}
            if row.problem
            else dict(zip(self.table.headers, row.cells, strict=False))
        )
        record = (
            json.dumps(cells, ensure_ascii=False, default=str).encode("utf-8", "backslashreplace").decode()
        )
        return (self.stream.channel, self.stream.name, self.source, row.line, reason, record)
