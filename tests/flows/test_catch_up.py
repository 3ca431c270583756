"""Days missed while nothing ran are asked for, oldest first; run late they give what they give in time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from common.clock import day_bounds, utc_now
from common.lake import Lake
from common.settings import Settings
from ingestion.files import arrive_file
from orchestration.days import last_complete_day
from orchestration.definitions import build_definitions
from orchestration.headless import run_daily
from orchestration.home import open_instance
from tests.exactness.dbt_home import DbtHome, differing_rows
from tests.flows.small_home import OrderRow, published, settings_for, write_orders

pytestmark = pytest.mark.xdist_group("flows")

# A business zone in which it is about noon now: no test run meets the end of a business day.
_EAST = 12 - utc_now().hour
ZONE = f"Etc/GMT{-_EAST:+d}"


@dataclass
class Story:
    """A home whose scheduler was down for two days, and what its sensor asked for when it came back."""

    settings: Settings
    days: list[dt.date]
    asked: list[dt.date] = field(default_factory=list)
    before: str = ""
    after: str = ""


def orders_of(days: list[dt.date], nth: int) -> list[OrderRow]:
    """The file of the nth day: its orders, late ones, and a correction of the first day's."""
    day, first = days[nth], days[0]
    rows = [
        OrderRow(f"{nth}-{n}", f"b{n % 9}", f"{day} {9 + n % 10:02d}:00:00", f"{300 * n + nth}.00")
        for n in range(20)
    ]
    if nth:
        late = first - dt.timedelta(days=35 * nth)
        rows += [OrderRow(f"late-{nth}-{n}", f"b{n}", f"{late} 10:00:00", "900.00") for n in range(5)]
        rows += [
            OrderRow("0-3", "b3", f"{first} 12:00:00", f"{nth}.00"),
            OrderRow("0-4", "b4", f"{first} 13:00:00", "1.00", "已取消"),
        ]
    return rows


def bring(settings: Settings, days: list[dt.date], nth: int) -> None:
    """Let the file of the nth day into the lake the morning after, as the clock then was."""
    folder = settings.home / "files"
    path = folder / f"day-{nth}.csv"
    mapping = write_orders(path, orders_of(days, nth), settings.business_timezone)
    lake = Lake(settings.lake_dir)
    lake.ensure()
    morning = day_bounds(days[nth], settings.zone)[1] + dt.timedelta(hours=1)
    for arrival in arrive_file(settings, lake, "miniprogram", "orders", path, mapping):
        lake.admit(arrival, at=morning)


@contextmanager
def evaluated(settings: Settings, sensor: str) -> Iterator[Any]:
    """What a sensor answers in this home now."""
    definitions = build_definitions(settings)
    repository = definitions.get_repository_def()
    with open_instance(settings) as instance:
        context = dg.build_sensor_context(instance=instance, repository_def=repository, sensor_name=sensor)
        yield repository.get_sensor_def(sensor).evaluate_tick(context)


def asked_day(settings: Settings) -> dt.date | str:
    """The day the catch-up sensor asks for, or why it asks for none."""
    with evaluated(settings, "missed_days") as tick:
        if not tick.run_requests:
            return tick.skip_message or ""
        (request,) = tick.run_requests
        return dt.date.fromisoformat(request.partition_key)


def run(settings: Settings, day: dt.date) -> None:
    assert run_daily(settings, as_of=day, line=lambda text: None).success


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    settings = settings_for(tmp_path_factory.mktemp("late") / "home", business_timezone=ZONE)
    last = last_complete_day(settings)
    told = Story(settings, [last - dt.timedelta(days=back) for back in (2, 1, 0)])
    told.before = str(asked_day(settings))
    bring(settings, told.days, 0)
    run(settings, told.days[0])
    # The scheduler is down; files come in all the same.
    bring(settings, told.days, 1)
    bring(settings, told.days, 2)
    while isinstance(day := asked_day(settings), dt.date):
        assert len(told.asked) < 4, f"asks for {day} again: {told.asked}"
        told.asked.append(day)
        run(settings, day)
    told.after = day
    return told


def test_catch_up__missed_days_are_asked_for_oldest_first(story: Story) -> None:
    assert story.asked == story.days[1:]


def test_catch_up__nothing_is_asked_for_without_need(story: Story) -> None:
    """Not in a home where no day was ever run, and not once all are."""
    assert "no day to make up for" in story.before
    assert "no day to make up for" in story.after


def test_catch_up__late_runs_give_what_runs_in_time_give(story: Story, tmp_path: Path) -> None:
    home = DbtHome(tmp_path / "in_time", zone=ZONE)
    settings = settings_for(home.home, business_timezone=ZONE)
    for nth, day in enumerate(story.days):
        bring(settings, story.days, nth)
        home.run(str(day))
        if nth == 0:
            assert any(differing_rows(home.warehouse, story.settings.warehouse_path).values())
    differing = differing_rows(home.warehouse, story.settings.warehouse_path)
    assert not {name: count for name, count in differing.items() if count}
    assert published(story.settings, "select count(*) from orders") == [(20 * 3 + 5 * 2,)]


def test_schedule__at_half_past_two_in_the_business_zone(story: Story) -> None:
    repository = build_definitions(story.settings).get_repository_def()
    schedule = repository.get_schedule_def("daily_at_0230")
    assert schedule.cron_schedule == "30 2 * * *"
    assert schedule.execution_timezone == ZONE
    due = dt.datetime.combine(
        story.days[2] + dt.timedelta(days=1), dt.time(2, 30), tzinfo=story.settings.zone
    )
    with open_instance(story.settings) as instance:
        context = dg.build_schedule_context(
            instance=instance, scheduled_execution_time=due, repository_def=repository
        )
        tick = schedule.evaluate_tick(context)
    assert [request.partition_key for request in tick.run_requests] == [str(story.days[2])]
