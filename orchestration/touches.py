"""The job that plans and sends messages when people may be reached; the daily run is in the middle of the night."""

import dataclasses

import dagster as dg

from common.settings import Settings
from orchestration.assets.checks import verdict_metadata
from orchestration.assets.ingest import WAIT_FOR_OTHER_RUN_SECONDS
from orchestration.home import claim
from orchestration.project import SegmentSpec
from orchestration.sending import judge_payloads, plan_destinations

JOB_NAME, SCHEDULE_NAME = "messages", "messages_by_day"
# After the quiet hours of the shipped policy, and in time for staff to send before the evening.
CRON = "30 9,13,17 * * *"


def messages_job(settings: Settings, segments: list[SegmentSpec]) -> dg.JobDefinition:
    """Return the job: for each segment with messages what is due now, gate, plan, apply, results of earlier ones."""

    @dg.op(
        name="send_messages",
        description="Journeys: what is due now, as the daily run does for other destinations.",
    )
    def send_messages(context: dg.OpExecutionContext) -> None:
        claim(settings, wait_seconds=WAIT_FOR_OTHER_RUN_SECONDS)
        wrong = [line for each in segments for line in _one(context, settings, each)]
        if wrong:
            raise dg.Failure("\n".join(wrong))

    @dg.job(
        name=JOB_NAME,
        description="Messages that are due by journeys, at hours when people may be reached.",
        executor_def=dg.in_process_executor,
    )
    def messages() -> None:
        send_messages()

    return messages


def messages_schedule(settings: Settings, job: dg.JobDefinition) -> dg.ScheduleDefinition:
    """Return its schedule; off unless ``SIYU_SCHEDULES`` is true."""
    status = dg.DefaultScheduleStatus.RUNNING if settings.schedules else dg.DefaultScheduleStatus.STOPPED
    return dg.ScheduleDefinition(
        job=job,
        name=SCHEDULE_NAME,
        cron_schedule=CRON,
        execution_timezone=settings.business_timezone,
        description="09:30, 13:30 and 17:30 in the business time zone.",
        default_status=status,
    )


def _one(context: dg.OpExecutionContext, settings: Settings, segment: SegmentSpec) -> list[str]:
    """Send what one segment's journeys owe; return what a person must look at."""
    from activation.destinations import MESSAGE_NAMES
    from activation.segments import apply_plans

    names = tuple(name for name in segment.destinations if name in MESSAGE_NAMES)
    if not names:
        return []
    planned = plan_destinations(settings, dataclasses.replace(segment, destinations=names))
    wrong = [f"{segment.code} -> {name}: {why}" for name, why in planned.errors.items()]
    verdicts = judge_payloads(settings, segment, planned.plans)
    if any(each["held"] for each in verdicts):
        return [*wrong, f"{segment.code}: held by the gate ({verdict_metadata(verdicts).get('reason')})"]
    for report in apply_plans(settings, [plan.plan_id for plan in planned.plans]):
        told = report.as_metadata()
        kept = (
            "status",
            "adds",
            "held_reasons",
            "sent",
            "waiting_for_staff",
            "in_doubt",
            "refusals",
            "reason",
        )
        context.log.info(
            f"{segment.code} -> {report.destination}: { {name: told.get(name) for name in kept} }"
        )
        if not report.ok:
            wrong.append(f"{segment.code} -> {report.destination}: {report.status} ({report.reason})")
    return wrong
