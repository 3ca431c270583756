"""The lake: append-only Parquet, one folder per load, each load visible whole or not at all.

``<lake>/<channel>/<stream>/load_id=<instant>/part-*.parquet`` plus ``_load.json`` beside the parts. A load is
first written to ``_arrivals`` (nobody reads that), judged, and then *admitted* by one rename. The load id is the
instant of that rename in UTC microseconds and only moves forward over the whole lake, so ``load_id > last`` finds
exactly what is new, and ``load_id <= known_at`` what was known then. A held load stays in ``_held``.

Of a records stream only what changed is kept: a record equal to its last version adds nothing, and a full scan
that no longer shows a key adds one ``delete`` row. Re-reading a window therefore never changes the answer.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from common.changes import count_changes, keep_changes
from common.clock import UTC, utc_now
from common.durable import fsync
from common.streams import STREAMS, Stream

LOAD_ID_FORMAT = "%Y%m%dT%H%M%S%fZ"
# Readers need at least one file with the right columns; this load holds none of a stream's rows, only its shape.
SCHEMA_LOAD_ID = "00000000T000000000000Z"
ABANDONED_AFTER_SECONDS = 6 * 3600


class LakeError(RuntimeError):
    """The lake was asked for something it must not do."""


@dataclass(frozen=True)
class LoadReport:
    """What one load brought. ``rows`` were received; ``changed`` + ``deleted`` were written; counts add up.

    ``skipped`` rows of a table stream are well but not written: the lake has them already in the same state, or
    the contract does not want them (orders never paid); ``details`` tell which.
    """

    stream: str
    source: str
    rows: int
    quarantined: int = 0
    changed: int = 0
    deleted: int = 0
    load_id: str | None = None
    fingerprint: str | None = None
    window_end: str | None = None
    held_reason: str | None = None
    details: dict[str, Any] = field(default_factory=dict)
    skipped: int = 0


@dataclass(frozen=True)
class Arrival:
    """A finished load that nobody sees yet, waiting for the gate's verdict."""

    stream: Stream
    path: Path
    report: LoadReport

    @property
    def parts(self) -> str:
        """Glob of the arrival's Parquet files."""
        return str(self.path / "part-*.parquet")


def load_id_of(instant: dt.datetime) -> str:
    """Return the load id of an aware instant."""
    return instant.astimezone(UTC).strftime(LOAD_ID_FORMAT)


def instant_of(load_id: str) -> dt.datetime:
    """Return the UTC instant of a load id."""
    return dt.datetime.strptime(load_id, LOAD_ID_FORMAT).replace(tzinfo=UTC)


class Lake:
    """One lake folder. All writers of one lake share a file lock while they admit."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def ensure(self) -> None:
        """Make every stream's folder readable, with an empty load that carries the columns."""
        for stream in STREAMS.values():
            target = self._load_dir(stream, SCHEMA_LOAD_ID)
            if target.exists():
                continue
            scratch = self._scratch(stream)
            pq.write_table(stream.columns.empty_table(), scratch / "part-0.parquet")
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                scratch.rename(target)
            except OSError:  # another process made it first
                shutil.rmtree(scratch, ignore_errors=True)

    # -- arriving -----------------------------------------------------------------------------------------------

    def new_arrival_dir(self, stream: Stream) -> Path:
        """Return a fresh private folder to write ``part-*.parquet`` files of the stream into."""
        return self._scratch(stream)

    def arrive(self, stream: Stream, path: Path, report: LoadReport) -> Arrival:
        """Declare a folder of parts finished. From here on only ``admit``, ``hold`` or ``discard`` touch it."""
        _write_json(path / "arrival.json", asdict(report))
        return Arrival(stream, path, report)

    def arrive_table(self, stream: Stream, table: pa.Table, report: LoadReport) -> Arrival:
        """Write a table as a one-part arrival; columns are cast to the stream's.

        Raises:
            pa.ArrowInvalid: a column is missing or cannot be cast without loss.
        """
        path = self._scratch(stream)
        pq.write_table(table.select(stream.columns.names).cast(stream.columns), path / "part-0.parquet")
        return self.arrive(stream, path, report)

    def arrive_rows(self, stream: Stream, rows: list[dict[str, Any]], report: LoadReport) -> Arrival:
        """Write rows (dicts with the stream's columns) as a one-part arrival."""
        return self.arrive_table(stream, pa.Table.from_pylist(rows, schema=stream.columns), report)

    def sweep(self) -> int:
        """Drop arrivals that a killed process left behind; returns how many. They hold personal data.

        Only folders older than six hours: a younger one may belong to a fetch that is under way.
        """
        oldest = utc_now().timestamp() - ABANDONED_AFTER_SECONDS
        abandoned = [path for path in self.root.glob("_arrivals/*/*/*") if path.stat().st_mtime < oldest]
        for path in abandoned:
            shutil.rmtree(path, ignore_errors=True)
        return len(abandoned)

    def discard(self, arrival: Arrival) -> None:
        """Drop an arrival that brought nothing."""
        shutil.rmtree(arrival.path)

    # -- judged -------------------------------------------------------------------------------------------------

    def admit(
        self, arrival: Arrival, *, at: dt.datetime | None = None, only_changes: bool = False
    ) -> LoadReport:
        """Make an arrival part of the lake, whole, in one rename; return its report with the load id.

        The report's ``load_id`` is None when nothing was new (same records, or the same file again). ``at`` is for
        tests and generators; without it the load is stamped with the present, moved forward past the last load.
        ``only_changes`` is for generators: a records arrival holds exactly what differs from the lake already, with
        its delete rows, and is not compared again (which reads the arrival and every key of the stream whole).
        """
        stream, report = arrival.stream, arrival.report
        with self._locked():
            if self._knows_fingerprint(stream, report.fingerprint):
                self.discard(arrival)
                return _replace(report, changed=0, deleted=0)
            if stream.holds_records and only_changes:
                changed, deleted = count_changes(arrival.parts)
            elif stream.holds_records:
                changed, deleted = keep_changes(
                    arrival.path, self.glob(stream), source=report.source, complete=stream.complete
                )
            else:
                changed, deleted = report.rows - report.quarantined - report.skipped, 0
            report = _replace(report, changed=changed, deleted=deleted)
            if changed + deleted == 0:
                self._advance_cursor(stream, report)
                self.discard(arrival)
                return report
            load_id = self._next_load_id(at)
            report = _replace(report, load_id=load_id)
            _write_json(arrival.path / "_load.json", asdict(report))
            (arrival.path / "arrival.json").unlink()
            for part in arrival.path.iterdir():
                fsync(part)
            target = self._load_dir(stream, load_id)
            target.parent.mkdir(parents=True, exist_ok=True)
            arrival.path.rename(target)
            fsync(target.parent)
            self._advance_cursor(stream, report)
        return report

    def hold(self, arrival: Arrival, reason: str) -> LoadReport:
        """Put an arrival aside, with the reason. The cursor stays, so the window is asked for again next time.

        The newest held load of a stream replaces the older ones: a window that fails every day must not pile up.
        """
        target = self.root / "_held" / arrival.stream.channel / arrival.stream.name / arrival.path.name
        report = _replace(arrival.report, held_reason=reason)
        _write_json(arrival.path / "arrival.json", asdict(report))
        for older in self.held(arrival.stream):
            if older.report.source == report.source:
                shutil.rmtree(older.path)
        target.parent.mkdir(parents=True, exist_ok=True)
        arrival.path.rename(target)
        return report

    def held(self, stream: Stream | None = None) -> list[Arrival]:
        """Return the loads that are held now."""
        streams = [stream] if stream else list(STREAMS.values())
        return [
            Arrival(each, path.parent, LoadReport(**json.loads(path.read_text())))
            for each in streams
            for path in sorted((self.root / "_held" / each.channel / each.name).glob("*/arrival.json"))
        ]

    def release(self, held: Arrival) -> LoadReport:
        """Admit a held load after all, stamped with the present: it becomes known now, not when it was held."""
        return self.admit(Arrival(held.stream, held.path, _replace(held.report, held_reason=None)))

    # -- reading ------------------------------------------------------------------------------------------------

    def loads(self, stream: Stream) -> list[LoadReport]:
        """Return the reports of a stream's admitted loads, oldest first."""
        folder = self.root / stream.channel / stream.name
        return [
            LoadReport(**json.loads(path.read_text())) for path in sorted(folder.glob("load_id=*/_load.json"))
        ]

    def last_load_id(self) -> str | None:
        """Return the newest load id of the whole lake, None when it is empty."""
        names = (path.name.removeprefix("load_id=") for path in self.root.glob("[!_]*/*/load_id=*"))
        return max((name for name in names if name != SCHEMA_LOAD_ID), default=None)

    def cursor(self, stream: Stream) -> dt.datetime | None:
        """Return the end of the last admitted window of a stream (UTC), None when there was none."""
        try:
            text = json.loads(self._cursor_path(stream).read_text())["window_end"]
        except FileNotFoundError:
            return None
        return dt.datetime.fromisoformat(text)

    def glob(self, stream: Stream) -> str:
        """Glob of all admitted Parquet files of a stream."""
        return str(self.root / stream.channel / stream.name / "load_id=*" / "part-*.parquet")

    # -- inside -------------------------------------------------------------------------------------------------

    def _knows_fingerprint(self, stream: Stream, fingerprint: str | None) -> bool:
        return fingerprint is not None and any(load.fingerprint == fingerprint for load in self.loads(stream))

    def _next_load_id(self, at: dt.datetime | None) -> str:
        last = self.last_load_id()
        wanted = load_id_of(at or utc_now())
        if last is None or wanted > last:
            return wanted
        if at is not None:
            raise LakeError(f"load ids only move forward: asked for {wanted}, the lake is at {last}")
        return load_id_of(instant_of(last) + dt.timedelta(microseconds=1))

    def _advance_cursor(self, stream: Stream, report: LoadReport) -> None:
        if report.window_end is None:
            return
        end = dt.datetime.fromisoformat(report.window_end)
        last = self.cursor(stream)
        if last is None or end > last:
            _write_json(self._cursor_path(stream), {"window_end": report.window_end})

    def _cursor_path(self, stream: Stream) -> Path:
        return self.root / stream.channel / stream.name / "_cursor.json"

    def _load_dir(self, stream: Stream, load_id: str) -> Path:
        return self.root / stream.channel / stream.name / f"load_id={load_id}"

    def _scratch(self, stream: Stream) -> Path:
        path = self.root / "_arrivals" / stream.channel / stream.name / uuid.uuid4().hex
        path.mkdir(parents=True)
        return path

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.root.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.root / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _replace(report: LoadReport, **changes: Any) -> LoadReport:
    return LoadReport(**{**asdict(report), **changes})


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(path.name + ".new")
    scratch.write_text(json.dumps(value, ensure_ascii=False, indent=1))
    fsync(scratch)
    scratch.rename(path)
