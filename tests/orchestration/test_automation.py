"""Days that were missed are made up for, oldest first, one at a time, and not for ever."""

from __future__ import annotations

import datetime as dt
import uuid

import dagster as dg

from orchestration.automation import MAX_ATTEMPTS, PARTITION_TAG, DayHistory, history_of, next_missing_day

DONE, FAILED = DayHistory(done=True, attempts=1), DayHistory(attempts=1)


def day(number: int) -> dt.date:
    return dt.date(2026, 11, number)


def test_next_missing_day__is_the_oldest_gap() -> None:
    history = {day(1): DONE, day(4): DONE}
    assert next_missing_day(history, day(6), 30) == day(2)
    assert next_missing_day({**history, day(2): DONE}, day(6), 30) == day(3)
    assert next_missing_day({day(number): DONE for number in range(1, 7)}, day(6), 30) is None


def test_next_missing_day__starts_after_the_first_day_that_ever_succeeded() -> None:
    assert next_missing_day({}, day(6), 30) is None
    assert next_missing_day({day(2): FAILED}, day(6), 30) is None
    assert next_missing_day({day(2): FAILED, day(4): DONE}, day(6), 30) == day(5)


def test_next_missing_day__looks_back_so_many_days_only() -> None:
    assert next_missing_day({day(1): DONE}, day(20), 5) == day(16)


def test_next_missing_day__waits_while_a_run_is_under_way() -> None:
    assert next_missing_day({day(1): DONE, day(2): DayHistory(under_way=True)}, day(6), 30) is None


def test_next_missing_day__gives_up_on_a_day_that_keeps_failing() -> None:
    hopeless = DayHistory(attempts=MAX_ATTEMPTS)
    assert next_missing_day({day(1): DONE, day(2): FAILED}, day(3), 30) == day(2)
    assert next_missing_day({day(1): DONE, day(2): hopeless}, day(3), 30) == day(3)


def test_history_of__sums_up_the_runs_of_a_day() -> None:
    def run(number: int, status: dg.DagsterRunStatus) -> dg.DagsterRun:
        tags = {PARTITION_TAG: day(number).isoformat()}
        return dg.DagsterRun(job_name="daily", run_id=str(uuid.uuid4()), status=status, tags=tags)

    found = history_of(
        [
            run(1, dg.DagsterRunStatus.FAILURE),
            run(1, dg.DagsterRunStatus.SUCCESS),
            run(2, dg.DagsterRunStatus.STARTED),
            dg.DagsterRun(job_name="daily", run_id=str(uuid.uuid4()), status=dg.DagsterRunStatus.SUCCESS),
        ]
    )
    assert found == {
        day(1): DayHistory(done=True, attempts=2),
        day(2): DayHistory(under_way=True, attempts=1),
    }


def test_history_of__a_red_run_that_published_counts_as_done() -> None:
    """A held segment fails the run; the day is out all the same and must not be run again."""
    tags = {PARTITION_TAG: day(1).isoformat()}
    run = dg.DagsterRun(
        job_name="daily", run_id=str(uuid.uuid4()), status=dg.DagsterRunStatus.FAILURE, tags=tags
    )
    assert not history_of([run])[day(1)].done
    assert history_of([run], published=[run.run_id])[day(1)].done
