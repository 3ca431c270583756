"""Plans one segment and judges what would leave. Knows nothing of Dagster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.settings import Settings
from expectations.spec import activation_suite_name
from expectations.verdict import Request
from orchestration.days import built_as_of, last_complete_day
from orchestration.judged import Judged, digest_of_query, digest_of_suite
from orchestration.project import SegmentSpec, segment_named

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
    "subscribe_messages": "act_wechat__receivers",
    "miniprogram_messages": "act_wechat__receivers",
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
            verdicts.append(_overridden(settings, segment.code, digest, verdict.as_metadata()))
    return verdicts


def refuse_held(settings: Settings, plan_id: str) -> None:
    """Do nothing when the gate lets a plan's payload pass; what is sent by hand is judged like everything else.

    Raises:
        PayloadHeldError: it is held, and nobody overrode that.
        PlanStateError: no plan has this id.
        ProjectError: its segment is not declared any more.
    """
    from activation.overrides import PayloadHeldError
    from activation.plans import get_plan

    plan = get_plan(settings, plan_id)
    for each in judge_payloads(settings, segment_named(plan.segment_code), [plan]):
        if each["held"]:
            raise PayloadHeldError(
                f"the gate holds {plan.segment_code}: {each['reason']}; nothing was sent. Correct the data, or let it "
                f"leave all the same: siyu override {plan.segment_code} --by NAME --reason WHY"
            )


def override_held(settings: Settings, segment: SegmentSpec, *, by: str, reason: str) -> list[str]:
    """Let what the gate holds of a segment leave all the same, exactly as it is now; return what is let pass.

    Raises:
        OverrideError: nothing of it is held, or nobody says who and why.
        ActivationError: it cannot be planned.
    """
    from activation.overrides import OverrideError, grant

    planned = plan_destinations(settings.model_copy(update={"activation_mode": "dry_run"}), segment)
    if planned.errors:
        raise OverrideError("; ".join(f"{name}: {why}" for name, why in planned.errors.items()))
    held = [each for each in judge_payloads(settings, segment, planned.plans) if each["held"]]
    if not held:
        raise OverrideError(
            f"nothing of segment {segment.code!r} is held; `siyu plan {segment.code}` shows it"
        )
    for each in held:
        grant(
            settings,
            segment.code,
            each["suite"],
            each["digest"],
            verdict=each["reason"],
            by=by,
            reason=reason,
        )
    return [f"{each['suite']}: {each['reason']}" for each in held]


def _overridden(settings: Settings, code: str, digest: str, verdict: dict[str, Any]) -> dict[str, Any]:
    """Return the verdict, no longer held when a person let exactly this payload pass."""
    verdict = {**verdict, "digest": digest}
    if not verdict["held"]:
        return verdict
    from activation.overrides import find

    override = find(settings, code, digest)
    if override is None:
        return verdict
    said = f"{verdict['reason']}; overridden by {override.granted_by}: {override.reason}"
    return {**verdict, "held": False, "reason": said}


def payload_query(table: str, segment_code: str) -> str:
    """Return the SELECT of one segment's payload rows."""
    code = segment_code.replace("'", "''")
    return f"select * from activation.{table} where segment_code = '{code}'"  # noqa: S608 - our own names


def _request(settings: Settings, suite: str, code: str, query: str) -> Request:
    database: Path = settings.warehouse_path
    return Request(
        suite, subject=f"segment {code}", database=database, query=query, docs_dir=settings.data_docs_dir
    )
