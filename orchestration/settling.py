"""Judge and admit or hold: the gate between what arrived and the lake. Knows nothing of Dagster.

The admission is the gate: a load that the gate holds never becomes visible to dbt, and the other streams go
on. Loads that came together (the lines and the orders of one file, rows and their quarantine) are admitted
or held together.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from common.lake import Arrival, Lake, LoadReport
from common.settings import Settings
from common.streams import Stream
from common.warehouse import connect
from expectations.spec import raw_suite_name
from expectations.verdict import Request, Verdict
from orchestration.judged import Judged, digest_of_parts, digest_of_suite
from orchestration.truncation import shrink_reason

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
class Batch:
    """Arrivals that are admitted or held together."""

    arrivals: list[Arrival]
    verdicts: dict[str, dict[str, Any]] = field(default_factory=dict)  # by arrival path

    def held(self) -> list[str]:
        return [f"{each['subject']}: {each['reason']}" for each in self.verdicts.values() if each["held"]]


def settle(settings: Settings, lake: Lake, batches: list[Batch], results: dict[str, StreamResult]) -> None:
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


def _judge(settings: Settings, lake: Lake, batches: list[Batch]) -> None:
    memory = Judged(settings)
    waiting: list[tuple[Batch, Arrival, str, str]] = []
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


def _shrunk(settings: Settings, lake: Lake, batch: Batch) -> list[str]:
    reasons = (shrink_reason(settings, lake, arrival) for arrival in batch.arrivals)
    return [reason for reason in reasons if reason]


def _judge_arrivals(settings: Settings, waiting: list[tuple[Batch, Arrival, str, str]]) -> list[Verdict]:
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
