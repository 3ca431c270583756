"""One run per home, and runs whose process was killed."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.events import EngineEventData  # what the in-process executor itself reports

from common.settings import PROJECT_ROOT, Settings
from common.warehouse import WarehouseBusyError, writer_lock
from orchestration.home import PID_TAG, claim, fail_stale_runs, open_instance, release

HOLD = (
    "import sys, time; from pathlib import Path; from common.settings import Settings; "
    "from orchestration.home import claim; claim(Settings(home=Path(sys.argv[1]))); "
    "print('held', flush=True); time.sleep(60)"
)


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    settings = Settings(home=tmp_path / "home")
    yield settings
    release(settings)


@pytest.fixture
def instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    with open_instance(settings) as opened:
        yield opened


def started_run(instance: dg.DagsterInstance, pid: int) -> str:
    """Store a run as a worker with this process id leaves it when it is killed."""
    run = dg.DagsterRun(job_name="daily", run_id=str(uuid.uuid4()), status=dg.DagsterRunStatus.STARTED)
    instance.add_run(run)
    instance.report_engine_event("Executing steps in process", run, EngineEventData.in_process(pid))
    return run.run_id


def test_fail_stale_runs__finds_a_headless_run_killed_before_it_started(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    """It would stay NOT_STARTED for ever, and the catch-up sensor would wait for it for ever."""
    gone = subprocess.Popen(["true"])
    gone.wait()
    run = dg.DagsterRun(
        job_name="daily",
        run_id=str(uuid.uuid4()),
        status=dg.DagsterRunStatus.NOT_STARTED,
        tags={PID_TAG: str(gone.pid)},
    )
    instance.add_run(run)
    assert fail_stale_runs(settings, instance) == [run.run_id]


def test_claim__keeps_every_other_process_out_until_the_holder_dies(settings: Settings) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(settings.home)], stdout=subprocess.PIPE, cwd=PROJECT_ROOT, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(WarehouseBusyError, match="another run is writing"):
        claim(settings)
    holder.kill()
    holder.wait()
    claim(settings)
    claim(settings)  # again is no harm
    with pytest.raises(WarehouseBusyError), writer_lock(settings):
        pass
    release(settings)
    with writer_lock(settings):
        pass


def test_fail_stale_runs__marks_runs_whose_process_is_gone(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    run_id = started_run(instance, gone.pid)
    assert fail_stale_runs(settings, instance) == [run_id]
    run = instance.get_run_by_id(run_id)
    assert run is not None
    assert run.status == dg.DagsterRunStatus.FAILURE
    assert fail_stale_runs(settings, instance) == []
    with writer_lock(settings):  # it did not keep the lock
        pass


def test_fail_stale_runs__spares_a_run_that_has_just_started(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    living = subprocess.Popen(["sleep", "60"])
    try:
        started_run(instance, living.pid)
        assert fail_stale_runs(settings, instance) == []
    finally:
        living.kill()
        living.wait()


def test_fail_stale_runs__does_nothing_while_a_run_lives(
    settings: Settings, instance: dg.DagsterInstance
) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    run_id = started_run(instance, gone.pid)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(settings.home)], stdout=subprocess.PIPE, cwd=PROJECT_ROOT, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert fail_stale_runs(settings, instance) == []
        run = instance.get_run_by_id(run_id)
        assert run is not None
        assert run.status == dg.DagsterRunStatus.STARTED
    finally:
        holder.kill()
        holder.wait()
