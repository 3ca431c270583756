"""Which day a run is for."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from common.lake import Lake
from common.settings import Settings
from common.warehouse import connect
from orchestration.days import built_as_of, choose_as_of, choose_known_at, last_complete_day

D1, D2, D3, D4 = (dt.date(2026, 11, day) for day in (1, 2, 3, 4))


def test_last_complete_day__follows_the_business_time_zone() -> None:
    instant = dt.datetime(
        2026, 11, 20, 17, 0, tzinfo=dt.UTC
    )  # 01:00 on the 21st in Shanghai, 12:00 in New York
    assert last_complete_day(Settings(business_timezone="Asia/Shanghai"), instant) == dt.date(2026, 11, 20)
    assert last_complete_day(Settings(business_timezone="America/New_York"), instant) == dt.date(2026, 11, 19)


@pytest.mark.parametrize(
    ("asked", "partition", "fetched", "built", "expected"),
    [
        (None, None, None, None, D4),  # nothing known: the last complete day
        (None, D2, None, None, D2),
        (None, D2, D3, None, D2),
        (None, None, D2, None, D2),  # only the warehouse is built: for what was fetched
        (None, D2, None, D3, D3),  # a backfill does not turn the answers back
        (None, D3, None, D2, D3),
        (D1, D3, D3, D3, D1),  # asked for by name
    ],
)
def test_choose_as_of(
    asked: dt.date | None,
    partition: dt.date | None,
    fetched: dt.date | None,
    built: dt.date | None,
    expected: dt.date,
) -> None:
    assert choose_as_of(asked=asked, partition=partition, fetched=fetched, built=built, last=D4) == expected


def test_choose_known_at__is_now_but_never_before_the_last_load(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    now = dt.datetime(2026, 11, 21, 1, 2, 3, 4, tzinfo=dt.UTC)
    assert choose_known_at(None, lake, now) == "20261121T010203000004Z"
    (tmp_path / "lake/wecom/staff/load_id=20261122T000000000000Z").mkdir(parents=True)
    assert choose_known_at(None, lake, now) == "20261122T000000000000Z"


def test_choose_known_at__takes_instants_and_load_ids(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    assert choose_known_at("20261121T010203000004Z", lake) == "20261121T010203000004Z"
    assert choose_known_at("2026-11-21T09:02:03+08:00", lake) == "20261121T010203000000Z"
    with pytest.raises(ValueError, match="with its offset"):
        choose_known_at("2026-11-21T09:02:03", lake)
    with pytest.raises(ValueError, match="expected an instant"):
        choose_known_at("yesterday", lake)


def test_built_as_of__is_the_newest_row_of_the_run_log(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    assert built_as_of(settings) is None
    with connect(settings.warehouse_path) as db:
        db.execute("create schema meta")
    assert built_as_of(settings) is None
    with connect(settings.warehouse_path) as db:
        db.execute(
            "create table meta.run_log as select * from (values (1, date '2026-11-03', 'a', 'complete'), "
            "(2, date '2026-11-02', 'b', 'open')) as t(run_no, as_of, known_load_id, state)"
        )
    assert built_as_of(settings) == D2
