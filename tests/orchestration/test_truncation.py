"""A full scan that shrinks sharply is held with a reason, and released by hand; unknown codes pass, reported."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

import ingestion.fetch
from common.lake import Arrival, Lake, LoadReport
from common.settings import Settings
from common.streams import STREAMS
from orchestration.landing import StreamResult, land
from tests.orchestration.test_cli import siyu
from tests.orchestration.test_landing import record, staff

DAY = dt.date(2026, 11, 20)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("SIYU_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return Settings(home=tmp_path, first_day=dt.date(2026, 1, 1))


@pytest.fixture
def scan(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Any:
    """scan(rows, stream) -> what landing did with a full scan of these rows."""

    def scan_(rows: list[dict[str, Any]], key: str = "wecom/staff") -> StreamResult:
        def fetch(settings: Settings, lake: Lake, key: str, *, window: Any) -> list[Arrival]:
            return [lake.arrive_rows(STREAMS[key], rows, LoadReport(key, "test", len(rows)))]

        monkeypatch.setattr(ingestion.fetch, "configured_streams", lambda settings: [key])
        monkeypatch.setattr(ingestion.fetch, "fetch", fetch)
        (result,) = land(settings, Lake(settings.lake_dir), [STREAMS[key]], DAY)
        return result

    return scan_


def people(count: int, start: int = 0) -> list[dict[str, Any]]:
    return staff(*(f"u{n:03}" for n in range(start, start + count)))


def living(settings: Settings) -> int:
    lake = Lake(settings.lake_dir)
    changes = [load.changed - load.deleted for load in lake.loads(STREAMS["wecom/staff"])]
    return sum(changes)


def test_a_scan_that_shrinks_sharply__is_held_until_released(settings: Settings, scan: Any) -> None:
    scan(people(100))
    result = scan(people(60))
    (reason,) = result.held_reasons
    assert "no longer 40 of the 100 that the lake holds (40%; the limit is 30% and 20 records)" in reason
    assert living(settings) == 100
    (held,) = Lake(settings.lake_dir).held()
    told = reason.rsplit(" ", 1)[-1]
    assert held.path.name.startswith(told), "the reason says how to release it"

    done = siyu("gate", "release", told)
    assert done.returncode == 0, done.stderr
    assert living(settings) == 60
    assert scan(people(58)).held_reasons == [], "the released scan is the new measure"


@pytest.mark.parametrize("left", [[*range(75)], [*range(60, 100), *range(200, 260)]])
def test_losing_records__counts_those_that_are_gone(scan: Any, settings: Settings, left: list[int]) -> None:
    scan(people(100))
    result = scan(staff(*(f"u{n:03}" for n in left)))
    gone = 100 - len(set(left) & set(range(100)))
    assert bool(result.held_reasons) is (gone > 30)


def test_a_small_stream__may_lose_a_few(scan: Any) -> None:
    scan(people(30))
    assert scan(people(10)).held_reasons == []


def test_the_limits_are_settings(settings: Settings, scan: Any) -> None:
    scan(people(100))
    settings.scan_shrink_limit, settings.scan_shrink_rows = 0.01, 1
    assert scan(people(95)).held_reasons


def test_an_unknown_code__is_kept_and_reported(settings: Settings, scan: Any) -> None:
    contact = {
        "external_contact": {"external_userid": "wm1", "type": 1, "gender": 0, "unionid": "o" * 28},
        "follow_info": {"userid": "li", "createtime": 1700000000, "add_way": 999, "brand_new": {"x": 1}},
    }
    result = scan([record("li|wm1", contact)], "wecom/contacts")
    assert result.total("changed") == 1
    assert result.warnings == ["an add_way that we do not know is kept, but its source has no name yet"]
