"""Plans one segment and judges what would leave. Knows nothing of Dagster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.settings import Settings
from expectations.spec import activation_suite_name
from expectations.verdict import Request
from orchestration.days import built_as_of, last_complete_day
from orchestration.judged import Judged, digest_of_query, digest_of_suite
from orchestration.project import SegmentSpec

if TYPE_CHECKING:
    from activation.contracts import Plan
    from activation.segments import Planned

# Which payload table feeds a destination; the gate's suites have the same names.
PAYLOAD_TABLES = {
    "wecom_tags": "act_wecom__segment_tags",
    "file_export": "act_file__segment_members",
    "webhook": "act_tools__segment_members",
    "postgresql_table": "act_tools__segment_members",
    "wecom_messages": "act_wecom__receivers",
    "wecom_group_messages": "act_wecom__group_receivers",
    "wecom_moments": "act_wecom__segment_tags",
    "subscribe_messages": "act_official__receivers",
}


def plan_destinations(settings: Settings, segment: SegmentSpec) -> Planned:
    """Make the plans of all the segment's destinations as of the day the warehouse was built for."""
    from activation.segments import plan_segment

    as_of = built_as_of(settings) or last_complete_day(settings)
    return plan_segment(settings, segment.code, segment.destinations, as_of=as_of)


def judge_payloads(settings: Settings, segment: SegmentSpec, plans: list[Plan]) -> list[dict[str, Any]]:
    """Judge the payload of the plans that would send something, unless the same rows passed before."""
    memory = Judged(settings)
    verdicts: list[dict[str, Any]] = []
    waiting: list[tuple[str, str, Request]] = []
    for plan in plans:
        if plan.is_empty:
            continue
        table = PAYLOAD_TABLES[plan.destination]
        suite, query = activation_suite_name(table), payload_query(table, segment.code)
        key = f"{suite}/{segment.code}"
        digest = f"{digest_of_suite(suite)}-{digest_of_query(settings, query)}"
        known = memory.passed(key, digest)
        if known is not None:
            verdicts.append({**known, "judged_before": True})
            continue
        waiting.append((key, digest, _request(settings, suite, segment.code, query)))
    if waiting:
        from expectations.runner import judge_many

        for (key, digest, _), verdict in zip(
            waiting, judge_many(each for _, _, each in waiting), strict=True
        ):
            memory.remember(key, digest, verdict)
            verdicts.append(verdict.as_metadata())
    return verdicts


def payload_query(table: str, segment_code: str) -> str:
    """Return the SELECT of one segment's payload rows."""
    code = segment_code.replace("'", "''")
    return f"select * from activation.{table} where segment_code = '{code}'"  # noqa: S608 - our own names


def _request(settings: Settings, suite: str, code: str, query: str) -> Request:
    database: Path = settings.warehouse_path
    return Request(
        suite, subject=f"segment {code}", database=database, query=query, docs_dir=settings.data_docs_dir
    )
