"""What starts runs by itself: the daily schedule, days that were missed, files in the inbox, and clearing up.

Dagster's schedules never make up for ticks they missed while the daemon was down, so a sensor looks for the
days.
"""

import datetime as dt
import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg

from common.lake import Lake
from common.settings import Settings
from orchestration.alerts import ALERTED_TAG, Trouble, alert
from orchestration.assets.published import PUBLISHED_KEY, held_segments
from orchestration.daily import JOB_NAME
from orchestration.days import last_complete_day
from orchestration.home import fail_stale_runs
from orchestration.project import declared_segments

MAX_ATTEMPTS = 3
PARTITION_TAG = "dagster/partition"

_DONE = {dg.DagsterRunStatus.SUCCESS}
_UNDER_WAY = {
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
}


@dataclass(frozen=True)
class DayHistory:
    """The runs of the daily job there were for a business day."""

    done: bool = False
    under_way: bool = False
    attempts: int = 0


def next_missing_day(
    history: Mapping[dt.date, DayHistory], last: dt.date, lookback_days: int
) -> dt.date | None:
    """Return the oldest day to make up for: after the first day that ever succeeded, up to ``last``.

    None while a run is under way, when nothing is missing, or when the missing days failed too often.
    """
    done = [day for day, each in history.items() if each.done]
    if not done or any(each.under_way for each in history.values()):
        return None
    day = max(min(done), last - dt.timedelta(days=lookback_days - 1))
    while day <= last:
        found = history.get(day, DayHistory())
        if not found.done and found.attempts < MAX_ATTEMPTS:
            return day
        day += dt.timedelta(days=1)
    return None


def history_of(runs: Iterable[dg.DagsterRun], published: Collection[str] = ()) -> dict[dt.date, DayHistory]:
    """Sum up runs of the daily job by the business day they were for.

    A run in ``published`` counts as done although it is red: a held segment fails the run, and the day is
    nevertheless out. Running it again would hold the segment again.
    """
    days: dict[dt.date, DayHistory] = {}
    for run in runs:
        if PARTITION_TAG not in run.tags:
            continue
        day = dt.date.fromisoformat(run.tags[PARTITION_TAG])
        before = days.get(day, DayHistory())
        days[day] = DayHistory(
            done=before.done or run.status in _DONE or run.run_id in published,
            under_way=before.under_way or run.status in _UNDER_WAY,
            attempts=before.attempts + 1,
        )
    return days


def automation(
    settings: Settings, job: Any, read_back: dg.JobDefinition
) -> tuple[list[Any], list[dg.SensorDefinition]]:
    """Return the schedules and the sensors. They start switched off unless ``SIYU_SCHEDULES`` is true."""
    switched_on = settings.schedules
    sensor_status = dg.DefaultSensorStatus.RUNNING if switched_on else dg.DefaultSensorStatus.STOPPED
    schedule = dg.build_schedule_from_partitioned_job(
        job,
        name="daily_at_0230",
        description="02:30 in the business time zone, for the day that has just ended.",
        hour_of_day=2,
        minute_of_hour=30,
        default_status=dg.DefaultScheduleStatus.RUNNING if switched_on else dg.DefaultScheduleStatus.STOPPED,
    )
    weekly = dg.ScheduleDefinition(
        job=read_back,
        name="read_back_on_sundays",
        cron_schedule="0 5 * * 0",
        execution_timezone=settings.business_timezone,
        description="Sundays at 05:00: what is at the destinations against the ledger.",
        default_status=dg.DefaultScheduleStatus.RUNNING if switched_on else dg.DefaultScheduleStatus.STOPPED,
    )
    sensors = [
        _catch_up(settings, job, sensor_status),
        _inbox(settings, job, sensor_status),
        _stale_runs(settings),
        failed_runs(settings),
    ]
    return [schedule, weekly], sensors


def _catch_up(settings: Settings, job: Any, status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    @dg.sensor(
        name="missed_days",
        job=job,
        minimum_interval_seconds=60,
        default_status=status,
        description="Runs the days that no run succeeded for, oldest first, one at a time.",
    )
    def missed_days(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        runs = context.instance.get_runs(dg.RunsFilter(job_name=JOB_NAME), limit=_enough_runs(settings))
        red = [run.run_id for run in runs if run.status == dg.DagsterRunStatus.FAILURE]
        history = history_of(
            runs, published=[run_id for run_id in red if _published(context.instance, run_id)]
        )
        day = next_missing_day(history, last_complete_day(settings), settings.catchup_days)
        if day is None:
            return dg.SkipReason("no day to make up for now")
        attempt = history.get(day, DayHistory()).attempts + 1
        return dg.RunRequest(run_key=f"missed/{day}/{attempt}", partition_key=day.isoformat())

    return missed_days


def _inbox(settings: Settings, job: Any, status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    @dg.sensor(
        name="inbox",
        job=job,
        minimum_interval_seconds=30,
        default_status=status,
        description="Runs the daily job for the last complete day when files wait in the inbox.",
    )
    def inbox(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        from ingestion.inbox import waiting

        files = waiting(settings, Lake(settings.lake_dir))
        if not files:
            return dg.SkipReason(f"nothing new in {settings.inbox_dir}")
        names = sorted(f"{file.path}:{file.fingerprint}" for file in files)
        key = hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]
        return dg.RunRequest(run_key=f"inbox/{key}", partition_key=last_complete_day(settings).isoformat())

    return inbox


def _stale_runs(settings: Settings) -> dg.SensorDefinition:
    """Always on: a run whose process was killed would keep the queue shut until its maximum run time."""

    @dg.sensor(
        name="stale_runs",
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Marks runs failed whose process is gone, so that the next one can start.",
    )
    def stale_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        ended = fail_stale_runs(settings, context.instance)
        return dg.SkipReason(f"ended {', '.join(ended)}" if ended else "every started run lives")

    return stale_runs


def failed_runs(settings: Settings) -> dg.SensorDefinition:
    """Always on where a robot is set: whoever set one wants to be told."""
    is_set = settings.alert_webhook is not None

    @dg.run_failure_sensor(
        name="failed_runs",
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING if is_set else dg.DefaultSensorStatus.STOPPED,
        description="Tells the WeCom group robot (SIYU_ALERT_WEBHOOK) of failed runs and held segments.",
    )
    def told(context: dg.RunFailureSensorContext) -> None:
        run = context.dagster_run
        if ALERTED_TAG in run.tags:  # `siyu run` has told of it
            return
        events = context.get_step_failure_events()
        errors = [f"{each.step_key}: {_error_kind(each)}" for each in events]
        held = held_segments(context.instance, declared_segments()) if run.job_name == JOB_NAME else []
        unheard = alert(
            settings, Trouble(run.job_name, run.run_id, run.tags.get(PARTITION_TAG), errors, held)
        )
        if unheard:
            # The tick fails and Dagster shows it; the next run is told of all the same.
            raise RuntimeError(f"nobody could be told of run {run.run_id[:8]}: {unheard}")

    return told


def _error_kind(event: dg.DagsterEvent) -> str:
    """Return the class of a step's error; its text may quote data."""
    error = event.step_failure_data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return (error.cls_name if error is not None else None) or "error"


def _published(instance: dg.DagsterInstance, run_id: str) -> bool:
    step = PUBLISHED_KEY.to_python_identifier()
    return any(
        each.status is not None and each.status.value == "SUCCESS"
        for each in instance.get_run_step_stats(run_id, step_keys=[step])
    )


def _enough_runs(settings: Settings) -> int:
    return settings.catchup_days * (MAX_ATTEMPTS + 2) + 50
