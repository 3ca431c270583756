"""One run per home at a time, Dagster's own folder, and clearing up after killed runs."""

from __future__ import annotations

import datetime as dt
import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from common.clock import UTC, utc_now
from common.settings import Settings
from common.warehouse import WarehouseBusyError, reading, writer_lock

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun, RunRecord

# A run that has just started may not have reached its first step, where it takes the lock.
STARTING = dt.timedelta(minutes=2)

# Tag of a headless run with the id of its process: known before the run's first event is.
PID_TAG = "siyu/pid"

_claims: dict[Path, ExitStack] = {}
_kept_open: set[Path] = set()
_SMALL_BYTES = 1 << 30


def claim(settings: Settings, *, wait_seconds: float = 0.0) -> None:
    """Take the home's writer lock for the rest of this process's life (or until ``release``); idempotent.

    The kernel lets go of it when the process ends, however it ends.

    Raises:
        WarehouseBusyError: another living process holds it after ``wait_seconds``.
    """
    if settings.home in _claims:
        return
    stack = ExitStack()
    stack.enter_context(writer_lock(settings, wait_seconds=wait_seconds))
    _claims[settings.home] = stack


def release(settings: Settings) -> None:
    """Give the writer lock back, if this process holds it."""
    stack = _claims.pop(settings.home, None)
    if stack is not None:
        stack.close()


def keep_open(settings: Settings) -> None:
    """Hold the warehouse open for reading until the claim is given back; needs the claim, idempotent.

    DuckDB reads the catalogue of a file that is not open yet in this process: 55 ms with 200 tables, 50 times in a
    run of 28 plans. Above 1 GiB that is nothing, and the memory of another session's cache is better left alone.
    """
    stack = _claims.get(settings.home)
    if stack is None or settings.home in _kept_open or settings.warehouse_path.stat().st_size > _SMALL_BYTES:
        return
    stack.enter_context(reading(settings))
    _kept_open.add(settings.home)
    stack.callback(_kept_open.discard, settings.home)


def prepare_dagster_home(settings: Settings) -> Path:
    """Return DAGSTER_HOME, made and with this version's ``dagster.yaml`` in it."""
    settings.dagster_home.mkdir(parents=True, exist_ok=True)
    template = Path(__file__).with_name("dagster.yaml").read_text(encoding="utf-8")
    wanted = template.replace("{dagster_home}", str(settings.dagster_home.resolve()))
    target = settings.dagster_home / "dagster.yaml"
    if not target.exists() or target.read_text(encoding="utf-8") != wanted:
        scratch = target.with_suffix(f".{os.getpid()}")
        scratch.write_text(wanted, encoding="utf-8")
        scratch.replace(target)
    return settings.dagster_home


def open_instance(settings: Settings) -> DagsterInstance:
    """Return the Dagster instance of this home; the same one that `siyu dev` shows."""
    from dagster import DagsterInstance

    return DagsterInstance.from_config(str(prepare_dagster_home(settings)))


def fail_stale_runs(settings: Settings, instance: DagsterInstance) -> list[str]:
    """Mark runs as failed whose process is gone, and return their ids.

    Every run holds the home's writer lock from its first step on, so while we hold it no run lives. Does
    nothing while another process holds it.
    """
    mine = settings.home in _claims
    try:
        claim(settings)
    except WarehouseBusyError:
        return []
    try:
        stale = [record for record in _started(instance) if _is_dead(instance, record)]
        for record in stale:
            instance.report_run_failed(
                record.dagster_run,
                "The process of this run is gone (killed, out of memory, or the machine stopped). Nothing "
                "half-done is visible; the next run carries on.",
            )
        return [record.dagster_run.run_id for record in stale]
    finally:
        if not mine:
            release(settings)


def _started(instance: DagsterInstance) -> list[RunRecord]:
    """Return the runs that claim to be under way. A run killed in its first moment is not even STARTED."""
    from dagster import DagsterRunStatus, RunsFilter

    statuses = [
        DagsterRunStatus.NOT_STARTED,
        DagsterRunStatus.STARTING,
        DagsterRunStatus.STARTED,
        DagsterRunStatus.CANCELING,
    ]
    return list(instance.get_run_records(RunsFilter(statuses=statuses)))


def _is_dead(instance: DagsterInstance, record: RunRecord) -> bool:
    pid = _pid_of(instance, record.dagster_run)
    if pid is not None and pid != os.getpid() and not _lives(pid):
        return True
    started = dt.datetime.fromtimestamp(record.start_time or record.create_timestamp.timestamp(), UTC)
    return pid != os.getpid() and utc_now() - started > STARTING


def _pid_of(instance: DagsterInstance, run: DagsterRun) -> int | None:
    from dagster import DagsterEventType

    if PID_TAG in run.tags:
        return int(run.tags[PID_TAG])
    for entry in reversed(instance.all_logs(run.run_id, of_type=DagsterEventType.ENGINE_EVENT)):
        event = entry.dagster_event
        if event is not None and "pid" in event.engine_event_data.metadata:
            return int(str(event.engine_event_data.metadata["pid"].value))
    return None


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
