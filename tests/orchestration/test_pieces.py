"""Long windows land in pieces: killed at any call, the next run ends with what an undisturbed one has."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
import stamina

import expectations.runner
import ingestion.fetch
from common.clock import UTC
from common.lake import Lake, LoadReport
from common.settings import Settings
from common.streams import STREAMS
from expectations.verdict import Failure
from ingestion.channels import wecom_messages
from ingestion.windows import Window
from orchestration.landing import StreamResult, land
from orchestration.pieces import Pace, SinceMark, pieces_of
from sandbox.world import World, WorldOptions, build_world
from tests.ingestion.sandbox_platform import Killed, Platform, content, home_at, living, platform
from tests.orchestration.verdicts import verdict
from tests.without_dlt import write_parts

FIRST, LAST = dt.date(2017, 6, 5), dt.date(2017, 7, 20)
KEYS = ("wecom/mass_messages", "wecom/mass_message_tasks", "wecom/group_stats")


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(WorldOptions(seed=11, buyers=40, extra_people=20, shop_orders=5))


@pytest.fixture
def outside(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    with platform(world, tmp_path / "sandbox", LAST, monkeypatch) as found:
        yield found


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in KEYS:
        monkeypatch.setitem(STREAMS, key, replace(STREAMS[key], piece_days=28))


@pytest.fixture(autouse=True)
def gate(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """A gate that lets pass, or holds a subject from its n-th batch on."""
    holds: dict[str, int] = {}

    def judge_many(requests: Any) -> list[Any]:
        found = []
        for request in requests:
            left = holds.get(request.subject)
            if left is not None:
                holds[request.subject] = left - 1
            bad = (Failure("rule", None, "because", 1),) if left is not None and left <= 0 else ()
            found.append(verdict(critical=bad))
        return found

    monkeypatch.setattr(expectations.runner, "judge_many", judge_many)
    return holds


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=4):
        yield


def bring(
    settings: Settings,
    since: dt.date | None = None,
    lines: list[str] | None = None,
    keys: tuple[str, ...] = KEYS,
) -> dict[str, Any]:
    streams = [STREAMS[key] for key in keys]
    said = [] if lines is None else lines
    found = land(settings, Lake(settings.lake_dir), streams, LAST, since=since, line=said.append)
    return {result.stream.key: result for result in found}


def fresh(settings: Settings) -> Lake:
    shutil.rmtree(settings.home, ignore_errors=True)
    return Lake(settings.lake_dir)


def test_killed_at_every_call_and_run_again_the_lake_is_the_same(
    outside: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wecom_messages, "_MESSAGES_A_PAGE", 2)
    monkeypatch.setattr(wecom_messages, "_ROWS_A_PAGE", 5)
    # What a kill leaves inside dlt is the flow tests' matter; without it, every call can be tried.
    monkeypatch.setattr(ingestion.fetch, "extract", write_parts)
    keys = ("wecom/mass_messages", "wecom/mass_message_tasks")
    clean = home_at(tmp_path / "clean", FIRST, LAST)
    bring(clean, keys=keys)
    calls, wanted = outside.calls.total(), content(Lake(clean.lake_dir), *keys)
    assert all(len(rows) > 5 for rows in wanted.values())
    assert [body for _, body in outside.bodies if body["cursor"]], "pages are to be cut in the middle, too"
    settings = home_at(tmp_path / "killed", FIRST, LAST)
    kept = []
    for number in range(1, calls + 1):
        lake = fresh(settings)
        outside.calls.clear()
        outside.kill_at = number
        with pytest.raises(Killed):
            bring(settings, keys=keys)
        kept.append(sum(len(rows) for rows in content(lake, *keys).values()))
        outside.kill_at = None
        bring(settings, keys=keys)
        assert content(lake, *keys) == wanted, f"killed at call {number} of {calls}"
    # Finished pieces stay: the later the kill, the more is there already.
    assert kept == sorted(kept)
    assert len(set(kept)) == 2 * len(keys)


def test_killed_between_admission_and_the_next_piece(
    outside: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean = home_at(tmp_path / "clean", FIRST, LAST)
    admissions, admit = [0], Lake.admit
    die_at = [10**9]

    def counted(self: Lake, *args: Any, **options: Any) -> LoadReport:
        report = admit(self, *args, **options)
        admissions[0] += 1
        if admissions[0] >= die_at[0]:
            raise Killed
        return report

    monkeypatch.setattr(Lake, "admit", counted)
    bring(clean)
    wanted, total = content(Lake(clean.lake_dir), *KEYS), admissions[0]
    assert total == 6
    settings = home_at(tmp_path / "killed", FIRST, LAST)
    for number in range(1, total + 1):
        lake = fresh(settings)
        admissions[0], die_at[0] = 0, number
        with pytest.raises(Killed):
            bring(settings)
        die_at[0] = 10**9
        bring(settings)
        assert content(lake, *KEYS) == wanted


def test_since_fetches_again_and_goes_on_where_it_was_cut_off(outside: Platform, tmp_path: Path) -> None:
    settings = home_at(tmp_path / "home", dt.date(2017, 7, 10), LAST)
    lake = Lake(settings.lake_dir)
    bring(settings)
    wanted_home = home_at(tmp_path / "whole", FIRST, LAST)
    bring(wanted_home)
    wanted = content(Lake(wanted_home.lake_dir), *KEYS)
    outside.calls.clear()
    bring(settings, since=FIRST)
    whole = outside.calls.total()
    assert content(lake, *KEYS) == wanted
    assert not list((settings.home / "backfill").iterdir())

    outside.calls.clear()
    outside.kill_at = whole - 2
    with pytest.raises(Killed):
        bring(settings, since=FIRST)
    assert len(list((settings.home / "backfill").iterdir())) == len(KEYS)
    outside.kill_at = None
    outside.calls.clear()
    lines: list[str] = []
    results = bring(settings, since=FIRST, lines=lines)
    assert "wecom/group_stats: done before the last fetch was cut off" in lines
    assert 0 < outside.calls.total() < whole / 2
    assert not [result.error for result in results.values() if result.error]
    assert content(lake, *KEYS) == wanted
    assert not list((settings.home / "backfill").iterdir())
    outside.calls.clear()
    bring(settings, since=FIRST)  # done is done: asked again, it is fetched again
    assert outside.calls.total() == whole


def test_a_held_piece_stops_the_ones_after_it(
    outside: Platform, tmp_path: Path, gate: dict[str, int]
) -> None:
    settings = home_at(tmp_path / "home", FIRST, LAST)
    lake = Lake(settings.lake_dir)
    gate["wecom/group_stats"] = 1  # the second batch
    held: StreamResult = bring(settings)["wecom/group_stats"]
    assert held.held_reasons
    assert "piece 2 of 2" in (held.note or "")
    cursor = lake.cursor(STREAMS["wecom/group_stats"])
    assert cursor == dt.datetime(2017, 6, 5, 4, tzinfo=UTC) + dt.timedelta(days=28)
    gate.clear()
    assert bring(settings)["wecom/group_stats"].note is None
    stat_times = {row["stat_time"] for row in living(lake, "wecom/group_stats")}
    first, last = min(stat_times), max(stat_times)
    assert stat_times == set(range(first, last + 86_400, 86_400))


def test_a_piece_that_cannot_be_fetched_keeps_those_before_it(outside: Platform, tmp_path: Path) -> None:
    settings = home_at(tmp_path / "home", FIRST, LAST)
    real = outside.answer
    lines: list[str] = []

    def refuse_later(request: Any) -> Any:
        answer = real(request)
        if request.url.path.endswith("group_by_day") and outside.calls["statistic_group_by_day"] > 10:
            return httpx.Response(200, json={"errcode": 48002, "errmsg": "api forbidden"})
        return answer

    outside.answer = refuse_later  # type: ignore[method-assign]
    result = bring(settings, lines=lines)["wecom/group_stats"]
    assert "48002" in (result.error or "")
    assert "the next run goes on there" in (result.note or "")
    assert living(Lake(settings.lake_dir), "wecom/group_stats")
    assert any("wecom/group_stats: 1 of 2" in line for line in lines)


def test_what_expires_is_fetched_first_and_details_after_their_contacts(
    outside: Platform, tmp_path: Path
) -> None:
    settings = home_at(tmp_path / "home", FIRST, LAST, contact_details_per_run=3)
    streams = [STREAMS[f"wecom/{name}"] for name in ("contacts", "contact_details", "staff_behavior")]
    results = land(settings, Lake(settings.lake_dir), streams, LAST)
    assert [result.stream.name for result in results] == ["contacts", "contact_details", "staff_behavior"]
    order = [path.rsplit("/", 1)[-1] for path, _ in outside.bodies]
    assert order.index("get_user_behavior_data") < order.index("get_by_user") < order.index("get")
    assert results[1].total("changed") == 3


def test_what_the_platform_no_longer_keeps_is_a_note_and_no_error(outside: Platform, tmp_path: Path) -> None:
    settings = home_at(tmp_path / "home", dt.date(2017, 1, 1), dt.date(2017, 12, 31))
    found = land(settings, Lake(settings.lake_dir), [STREAMS["wecom/staff_behavior"]], dt.date(2017, 3, 1))
    assert (found[0].error, found[0].reports) == (None, [])
    assert "180 days" in (found[0].note or "")


# -- the parts of it ------------------------------------------------------------------------------------------

NOON = dt.datetime(2026, 1, 1, 12, tzinfo=UTC)
LONG = Window(NOON, NOON + dt.timedelta(days=100))


def test_pieces_lie_end_to_end() -> None:
    pieces = pieces_of(STREAMS["wecom/mass_messages"], LONG)
    assert [piece.end - piece.start for piece in pieces] == [dt.timedelta(days=n) for n in (28, 28, 28, 16)]
    assert pieces[0].start == LONG.start
    assert all(a.end == b.start for a, b in pairwise(pieces))
    assert pieces_of(STREAMS["video_account/lives"], LONG) == [LONG]


def test_the_estimate_never_promises_more_than_the_limit_allows(tmp_path: Path) -> None:
    lines: list[str] = []
    stream = STREAMS["wecom/mass_messages"]
    settings = Settings(_env_file=None, home=tmp_path, api_calls_per_minute=100)
    pace = Pace(settings, stream, pieces_of(stream, LONG), lines.append)
    details = {"calls": {"/a": 500, "/b": 20}}
    pace.finished(LoadReport(stream.key, "test", 1200, details=details))
    assert pace.seconds_left() == pytest.approx(3 * 300, rel=0.01)
    assert lines[0] == "wecom/mass_messages: 4 pieces, 2026-01-01 to 2026-04-11"
    assert lines[1] == "wecom/mass_messages: 1 of 4, to 2026-01-29, 1,200 rows, 520 calls; about 15 min left"


def test_a_mark_counts_only_for_the_day_it_was_made_for(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, home=tmp_path)
    stream, day = STREAMS["wecom/moments"], dt.date(2026, 1, 1)
    mark = SinceMark(settings, stream, day)
    pieces = list(LONG.split(dt.timedelta(days=40)))
    assert mark.rest_of(pieces) == pieces
    mark.done(pieces[0])
    assert SinceMark(settings, stream, day).rest_of(pieces) == pieces[1:]
    assert SinceMark(settings, stream, day).rest_of([LONG]) == [Window(pieces[0].end, LONG.end)]
    assert SinceMark(settings, stream, day - dt.timedelta(days=1)).rest_of(pieces) == pieces
    assert SinceMark(settings, STREAMS["wecom/moment_tasks"], day).rest_of(pieces) == pieces
    mark.done(pieces[-1])
    assert mark.rest_of(pieces) == []
    mark.clear()
    assert mark.rest_of(pieces) == pieces
