"""Runs the daily job in this process, as `siyu run` does: the same job, the same records, no server."""

from __future__ import annotations

import contextlib
import datetime as dt
import gc
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.settings import Settings
from orchestration.alerts import ALERTED_TAG, Trouble, alert
from orchestration.days import last_complete_day
from orchestration.dbt_run import cool_down, prepare_manifest, warm_project, warm_up
from orchestration.garbage import look_seldom
from orchestration.home import PID_TAG, claim, fail_stale_runs, open_instance, release

Line = Callable[[str], None]


class RunRefusedError(ValueError):
    """The run cannot be started as asked; the text says what to do."""


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended. ``held`` segments stay as they were; ``log_path`` has everything that dbt and others printed."""

    run_id: str
    success: bool
    failed_steps: list[str]
    log_path: Path
    held: list[str] = field(default_factory=list)


def run_daily(
    settings: Settings,
    *,
    as_of: dt.date | None = None,
    known_at: str | None = None,
    full_refresh: bool = False,
    wait_seconds: float = 0.0,
    line: Line = print,
) -> RunOutcome:
    """Run the daily job for business day ``as_of`` (default: the last complete one).

    Raises:
        RunRefusedError: the day lies outside the days there are.
        WarehouseBusyError: another run is writing this home.
        DbtError: the dbt project does not parse.
    """
    day = as_of or last_complete_day(settings)
    _check_day(settings, day)
    claim(settings, wait_seconds=wait_seconds)
    line(f"daily job as of {day}, in {settings.home}")
    warm_up()  # before anything imports Dagster, so that dbt is imported on the other core meanwhile
    gc.disable()  # what is imported now stays; looking for garbage in it costs half a second
    try:
        from orchestration.daily import JOB_NAME

        prepare_manifest(settings)
        warm_project(settings)
        with open_instance(settings) as instance:
            for run_id in fail_stale_runs(settings, instance):
                line(f"[yellow]![/] run {run_id[:8]} had been killed; marked as failed")
                _alert(settings, instance, Trouble(JOB_NAME, run_id, was_killed=True), line)
            try:
                outcome = _run(settings, instance, day, as_of, known_at, full_refresh, line)
            except (
                Exception
            ) as error:  # it never became a run: the dbt project does not parse, the disk is full
                _alert(
                    settings, instance, Trouble(JOB_NAME, "", day.isoformat(), [type(error).__name__]), line
                )
                raise
            if not outcome.success or outcome.held:
                trouble = Trouble(
                    JOB_NAME, outcome.run_id, day.isoformat(), outcome.failed_steps, outcome.held
                )
                _alert(settings, instance, trouble, line)
            return outcome
    finally:
        gc.enable()
        cool_down()
        release(settings)


def _run(
    settings: Settings,
    instance: object,
    day: dt.date,
    as_of: dt.date | None,
    known_at: str | None,
    full_refresh: bool,
    line: Line,
) -> RunOutcome:
    from orchestration.assets.published import held_segments
    from orchestration.daily import JOB_NAME, run_config
    from orchestration.definitions import build_definitions
    from orchestration.progress import show_progress
    from orchestration.project import declared_segments

    job = build_definitions(settings).resolve_job_def(JOB_NAME)
    look_seldom()
    show_progress(line)
    config = run_config(as_of=as_of, known_at=known_at, full_refresh=full_refresh)
    log_path = settings.home / "logs" / "siyu-run.log"
    with quiet(log_path):
        result = job.execute_in_process(
            instance=instance,  # type: ignore[arg-type]
            partition_key=day.isoformat(),
            run_config={**config, "loggers": {"progress": {}}},
            tags={PID_TAG: str(os.getpid())},
            raise_on_error=False,
        )
    failed = [event.step_key or "" for event in result.all_events if event.is_step_failure]
    held = held_segments(instance, declared_segments())  # type: ignore[arg-type]
    return RunOutcome(result.run_id, result.success, failed, log_path, held)


def _alert(settings: Settings, instance: Any, trouble: Trouble, line: Line) -> None:
    """Tell the group of a run, and mark the run so that the sensor of a daemon does not tell it again."""
    if settings.alert_webhook is None:
        return
    unheard = alert(settings, trouble)
    if unheard:
        line(f"[yellow]![/] nobody could be told: {unheard}")
    elif trouble.run_id:
        instance.add_run_tags(trouble.run_id, {ALERTED_TAG: "true"})


@contextlib.contextmanager
def quiet(log_path: Path) -> Iterator[None]:
    """Send what this process and its children print to a file; who has the terminal open keeps it."""
    log_path.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.dup2(log, 1)
        os.dup2(log, 2)
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os.dup2(saved[0], 1)
        os.dup2(saved[1], 2)
        for descriptor in (*saved, log):
            os.close(descriptor)


def _check_day(settings: Settings, day: dt.date) -> None:
    last = last_complete_day(settings)
    if not settings.first_day <= day <= last:
        raise RunRefusedError(
            f"as of {day}: expected a day from {settings.first_day} (SIYU_FIRST_DAY) to {last}, the last "
            f"complete business day in {settings.business_timezone}"
        )
